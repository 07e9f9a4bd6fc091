"""``SearchPage`` and ``Hit``: what is put into the search index, and what a search finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lineal_catalog.search.words import divided_words, extra_lexemes, is_unspaced, searchable

MARK_BEGIN, MARK_END = "\x02", "\x03"
"""Around the hits in a snippet; control characters, so that no text can be taken for them."""

_LONGEST_ENTRY = 10_000
"""In characters. FTS5 takes time by the square of a word's occurrences in an entry to choose a
snippet: a log of 18 MB as one entry kept a search busy for ten minutes. Postgres counts no further
than 16,383 positions in one."""


_LONGEST_UNSPACED_ENTRY = 3_000
"""Where every character is a word: Postgres keeps 255 places of one, and the most frequent ones are
a twentieth of a text."""


_JOINED = "\x1d"
"""Between a text and further words by which it is found: those that its lines divide, as wholes,
and behind another one those that the store does not fold."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a document as the index holds it."""

    number: int
    """From 1, within the document."""
    text: str


class Hit(NamedTuple):
    """A page that answers a query."""

    document_id: str
    name: str
    page: int
    score: float
    """Higher is better; comparable within one answer only."""
    snippet: str


def spans(text: str) -> Iterator[str]:
    """A page's text, normalised, in entries of a bounded length, cut between words or sentences
    where there are any. Words that a line divides follow as wholes."""
    for span in _cut(searchable(text)):
        joined = " ".join(dict.fromkeys(word.lexeme for word in divided_words(span)))
        yield f"{span}{_JOINED}{joined}" if joined else span


def text_of(span: str) -> str:
    """An entry's text as it stands on the page."""
    return span.partition(_JOINED)[0]


def with_folded_words(span: str) -> str:
    """An entry that is found by its words in their usual form as well."""
    folded = extra_lexemes(text_of(span))
    if not folded:
        return span
    further = span if _JOINED in span else span + _JOINED
    return f"{further}{_JOINED}{' '.join(folded)}"


def accepted_entries(span: str) -> set[str]:
    """An entry as it is kept, and as it was by earlier versions."""
    text, _, further = span.partition(_JOINED)
    divided = further.partition(_JOINED)[0]
    return {span, text, f"{text}{_JOINED}{divided}" if divided else text}


def has_further_words(span: str) -> bool:
    """Whether an entry is found by words that do not stand in its text."""
    return _JOINED in span


def _cut(text: str) -> Iterator[str]:
    longest = _LONGEST_UNSPACED_ENTRY if is_unspaced(text) else _LONGEST_ENTRY
    begin = 0
    while len(text) - begin > longest:
        limit = begin + longest
        near = limit - longest // 10
        end = max(text.rfind("\n", begin, limit), text.rfind(" ", near, limit)) + 1
        end = max(end, text.rfind("。", near, limit) + 1)
        if end <= begin:
            end = limit
        yield text[begin:end]
        begin = end
    yield text[begin:]
