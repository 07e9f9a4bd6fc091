"""Chooses the best matching passage of a text and marks the matches.

``ts_headline`` would look for its own words, not for ours (:mod:`lineal_catalog.search.words`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from lineal_catalog.search.pages import MARK_BEGIN, MARK_END
from lineal_catalog.search.query import Term
from lineal_catalog.search.words import Word, divided_words, lexemes, words

_LENGTH = 24
"""In words."""


def snippet(text: str, terms: Sequence[Term]) -> str:
    """A stretch of ``_LENGTH`` words with the most different terms, and of these with the most
    occurrences."""
    found = list(words(text))
    wholes = divided_words(text)
    marked: dict[int, int] = {}  # place of a word: the term it belongs to
    for number, term in enumerate(terms):
        for places in (*term_places(found, term), *_divided_places(found, wholes, term)):
            for place in places:
                marked.setdefault(place, number)
    begin = _best_begin(sorted(marked), marked, len(found))
    end = min(begin + _LENGTH, len(found))
    shown = _with_marks(text, found, begin, end, marked)
    return f"{' … ' if begin else ''}{shown}{' … ' if end < len(found) else ''}"


def term_places(found: Sequence[Word], term: Term) -> Iterator[range]:
    """Places of the words that a term meets, of each time that it does."""
    wanted = lexemes(term.text)
    if not wanted:
        return
    *whole, last = wanted
    for begin in range(len(found) - len(wanted) + 1):
        end = begin + len(whole)
        lexeme = found[end].lexeme
        if (lexeme.startswith(last) if term.prefix else lexeme == last) and all(
            found[begin + n].lexeme == word for n, word in enumerate(whole)
        ):
            yield range(begin, end + 1)


def _divided_places(found: Sequence[Word], wholes: Sequence[Word], term: Term) -> Iterator[range]:
    """Places of the parts of divided words that a term meets."""
    begins = [word.begin for word in found]
    for places in term_places(wholes, term):
        for whole in places:
            first = bisect_left(begins, wholes[whole].begin)
            yield range(first, bisect_left(begins, wholes[whole].end))


def _best_begin(places: Sequence[int], marked: dict[int, int], length: int) -> int:
    best, best_begin = (0, 0), 0
    for number, place in enumerate(places):
        inside = [other for other in places[number : number + _LENGTH] if other < place + _LENGTH]
        value = (len({marked[other] for other in inside}), len(inside))
        if value > best:
            # What was found is shown in the middle.
            spare = _LENGTH - (inside[-1] - place + 1)
            best, best_begin = value, place - spare // 2
    return max(0, min(best_begin, length - _LENGTH))


def _with_marks(
    text: str, found: Sequence[Word], begin: int, end: int, marked: dict[int, int]
) -> str:
    pieces = []
    at = found[begin].begin if begin else 0
    place = begin
    while place < end:
        if place not in marked:
            place += 1
            continue
        first = place
        while place + 1 < end and marked.get(place + 1) == marked[first]:
            place += 1  # a phrase is marked as one
        pieces.append(text[at : found[first].begin])
        at = found[place].end
        pieces.append(f"{MARK_BEGIN}{text[found[first].begin : at]}{MARK_END}")
        place += 1
    pieces.append(text[at : found[end - 1].end if 0 < end < len(found) else len(text)])
    return "".join(pieces)
