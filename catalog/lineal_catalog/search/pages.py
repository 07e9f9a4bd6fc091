"""``SearchPage`` and ``Hit``: what is put into the search index, and what a search finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lineal_catalog.search.words import divided_words, is_unspaced, searchable

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
"""Between a text and the words that its lines divide, as wholes, by which it is found as well."""


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
    return span.rpartition(_JOINED)[0] if _JOINED in span else span


def has_divided_words(span: str) -> bool:
    """Whether an entry is found by words that its lines divide."""
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
