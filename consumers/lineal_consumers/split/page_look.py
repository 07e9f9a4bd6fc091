"""How pages look and what they have in common: what tells the pages of one document from the next.

A document keeps its type size and margins, and its later pages go on about what its first began
with; a first page has words that its predecessor has not, and often a title.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from lineal_learning.documents.terms import PlacedWord, ReadPage, lines_of, words_of

_FOOT = 0.92
"""Of the page."""
_MARGIN_STEPS = 50
"""Of the width: lines that begin as far apart begin at the same margin."""
_TITLE_END = 0.5
MAX_TITLE = 0.6
"""Higher than the others by more is no surer to be a title."""
_SHORTEST_WORD = 3


class Look(NamedTuple):
    """What a page looks like; all empty where its words have no places."""

    height: float
    """The median of its words', in pages."""
    margins: dict[int, float]
    """Where lines begin, and which share of them."""
    title: float
    """By how much its highest word in the upper half is higher than the others."""
    foot: frozenset[str]
    """The words there, without numbers."""


def look_of(page: ReadPage) -> Look:
    """What a page looks like."""
    words = page.words
    if not words:
        return Look(0.0, {}, 0.0, frozenset())
    height = median(word.height for word in words) or 1e-6
    lines = lines_of(words)
    begins = Counter(round(line[0].left * _MARGIN_STEPS) for line in lines)
    margins = {place: count / len(lines) for place, count in begins.items()}
    return Look(height, margins, _title(words, height), _foot(words))


def _title(words: Sequence[PlacedWord], height: float) -> float:
    # Marks and single letters that recognition has made of a line or a stamp are no title.
    heights = [
        word.height
        for word in words
        if word.top < _TITLE_END and sum(map(str.isalpha, word.text)) >= _SHORTEST_WORD
    ]
    return min(MAX_TITLE, max([0.0, *(each / height - 1 for each in heights)]))


def _foot(words: Sequence[PlacedWord]) -> frozenset[str]:
    text = " ".join(word.text for word in words if word.top > _FOOT)
    return frozenset(word for word in words_of(text) if not word.isdigit())


def size_difference(one: Look, other: Look) -> float:
    """Of the type: the logarithm of the ratio, at most 0.3."""
    if not (one.height and other.height):
        return 0.0
    return min(0.3, abs(math.log(other.height / one.height)))


def margin_difference(one: Look, other: Look) -> float:
    """The share of lines that begin elsewhere, 0 to 1."""
    if not (one.margins and other.margins):
        return 0.0
    shared = sum(min(share, other.margins.get(at, 0.0)) for at, share in one.margins.items())
    return 1.0 - shared


class Vocabulary:
    """The words of a file's pages; those that are on few of them count for more."""

    def __init__(self, pages: Sequence[ReadPage]) -> None:
        self._words = [
            {word for word in words_of(page.text) if len(word) >= _SHORTEST_WORD and word.isalpha()}
            for page in pages
        ]
        counts = Counter(word for words in self._words for word in words)
        self._weights = {word: math.log((len(pages) + 1) / count) for word, count in counts.items()}

    def share_known(self, page: int, other: int) -> float:
        """Of the words of a page, those that are on another one too, 0 to 1; 0 beyond the ends."""
        if not (0 <= page < len(self._words) and 0 <= other < len(self._words)):
            return 0.0
        everything = sum(self._weights[word] for word in self._words[page])
        shared = self._words[page] & self._words[other]
        return sum(self._weights[word] for word in shared) / everything if everything else 0.0
