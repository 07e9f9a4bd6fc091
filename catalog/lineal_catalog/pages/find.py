"""Finds words inside one document: on which pages, and where on a page.

Words are compared as the search index does (:mod:`lineal_catalog.search.words`): without case and
diacritics, ligatures as their letters, each character of a script without spaces as a word. A word
that is divided at the end of a line is found as a whole as well.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from lineal_catalog.pages.view import boxes_of_span
from lineal_catalog.search.query import Term, parse_query
from lineal_catalog.search.snippets import term_places
from lineal_catalog.search.words import Word, fold, searchable, words

_AROUND = 60
"""Characters before and behind a place that are shown with it."""
MAX_PLACES = 500
_LONGEST = 200
"""Characters of what is looked for."""
_QUERY = re.compile(r'["*]|(?:^|\s)(?:AND|OR|NOT)(?:\s|$)')
"""What makes a text an expression, as the search in all documents takes it."""
_DIVIDED = re.compile(r"[-\u2010\u00ad]\s*\n\s*|[\u00ad\u200b\u2060\ufeff]+")
"""Between the parts of a divided word."""


class FoundPlace(NamedTuple):
    """Where a text stands."""

    page: int
    begin: int
    """In the text of the document, as ``end``."""
    end: int
    before: str
    text: str
    after: str


def find_places(result: bytes, wanted: str, *, limit: int = MAX_PLACES) -> list[FoundPlace]:
    """The places of a text in a document, in their order.

    Args:
        result: the gzipped TextResult.
        wanted: words in a row, of which the last may be the beginning of one; or an expression
            with ``"..."``, ``*``, AND, OR, NOT, whose every word or phrase is found by itself.
    """
    loaded: dict[str, Any] = orjson.loads(gzip.decompress(result))
    text: str = loaded["text"]
    found: list[FoundPlace] = []
    for page in loaded["pages"]:
        first, last = page["begin"], page["end"]
        for begin, end in _spans(text[first:last], wanted):
            begin, end = first + begin, first + end
            found.append(
                FoundPlace(
                    page["number"],
                    begin,
                    end,
                    text[max(first, begin - _AROUND) : begin],
                    text[begin:end],
                    text[end : min(last, end + _AROUND)],
                )
            )
            if len(found) == limit:
                return found
    return found


def boxes_of_places(view: dict[str, Any], wanted: str) -> list[list[float]]:
    """The boxes of a text on a page: one for each line that a place of it stands on.

    Args:
        view: of the page, as :func:`lineal_catalog.pages.view.page_view` gives it.
        wanted: as for :func:`find_places`.
    """
    placed = [
        (word["begin"], word["end"], word["confidence"], *word["box"], word["line"])
        for word in view["words"]
    ]
    return [
        box
        for begin, end in _spans(view["text"], wanted)
        for box in boxes_of_span(placed, view["begin"] + begin, view["begin"] + end)
    ]


def each_word(wanted: str) -> str:
    """An expression by which :func:`find_places` finds every word and phrase of a query by itself,
    without those that are not to occur; a single word as it is."""
    terms = _terms(wanted)
    if len(terms) == 1 and not terms[0].prefix and " " not in terms[0].text:
        return terms[0].text
    return " ".join(f'"{term.text}"{"*" if term.prefix else ""}' for term in terms)


def _terms(wanted: str) -> list[Term]:
    """What is to be found of a query."""
    terms: list[Term] = []
    depth = unwanted = 0
    negated = False
    for part in parse_query(wanted[:_LONGEST]):
        if part == "(":
            depth += 1
            if negated and not unwanted:
                unwanted = depth
        elif part == ")":
            if unwanted == depth:
                unwanted = 0
            depth -= 1
        elif isinstance(part, Term) and not negated and not unwanted:
            terms.append(part)
        negated = part == "NOT"
    return terms


def _spans(text: str, wanted: str) -> list[tuple[int, int]]:
    """The places of what is wanted in a text, in their order, none inside another."""
    found: set[tuple[int, int]] = set()
    if _QUERY.search(wanted):
        terms = _terms(wanted)
    else:
        plain = searchable(wanted[:_LONGEST]).strip()
        terms = [Term(plain, prefix=True)] if any(map(str.isalnum, plain)) else []
        if pattern := _pattern(wanted):
            found.update(match.span() for match in pattern.finditer(text))
    for term in terms:
        for listed in _word_lists(text):
            found.update(
                (listed[place[0]].begin, listed[place[-1]].end)
                for place in term_places(listed, term)
            )
    kept: list[tuple[int, int]] = []
    for span in sorted(found, key=lambda span: (span[0], -span[1])):
        if not kept or span[1] > kept[-1][1]:
            kept.append(span)
    return kept


def _word_lists(text: str) -> Iterator[Sequence[Word]]:
    """The words as they stand there, and where any are divided, with these joined."""
    plain = [
        Word(fold(searchable(text[item[1] : item[2]])), item[1], item[2]) for item in words(text)
    ]
    yield plain
    joined: list[Word] = []
    for word in plain:
        before = joined[-1] if joined else None
        if before is not None and _DIVIDED.fullmatch(text, before.end, word.begin):
            joined[-1] = Word(before.lexeme + word.lexeme, before.begin, word.end)
        else:
            joined.append(word)
    if len(joined) < len(plain):
        yield joined


def _pattern(wanted: str) -> re.Pattern[str] | None:
    parts = [re.escape(word) for word in wanted[:_LONGEST].split()]
    return re.compile(r"\s+".join(parts), re.IGNORECASE) if parts else None
