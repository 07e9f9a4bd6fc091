"""Labels of marks on a page that was perhaps scanned askew: where they stand, and what stands
beside them in their line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from statistics import median
from typing import NamedTuple

from lineal_consumers.fields.segments import Sheet, Token, slope_of, words_of

_Alike = Callable[[str, str], bool]
_ALIKE = 0.8
_MIN_LETTERS = 5
"""Of a word that may be read a little wrong, and is a label's all the same."""


class Place(NamedTuple):
    """Where something stands, in points from the top left; ``level`` is its middle on a page that
    is not askew."""

    left: float
    top: float
    right: float
    bottom: float
    level: float

    @property
    def height(self) -> float:
        return self.bottom - self.top


class Words:
    """The words of a page, each with its place; signs that are no words are left out, as what an
    empty box is taken for."""

    def __init__(self, sheet: Sheet) -> None:
        self.slope = slope_of(sheet.segments)
        tokens = (token for segment in sheet.segments for token in segment.tokens)
        self._known: list[tuple[tuple[str, ...], Place]] = []
        for token in tokens:
            words = tuple(word for one in words_of(token.text) if (word := one.strip("□☐☑☒■")))
            if any(sign.isalnum() for word in words for sign in word):
                self._known.append((words, self.place(token)))
        self._known.sort(key=lambda item: item[1].left)
        heights = [place.height for _, place in self._known]
        self.height = median(heights) if heights else 10.0
        """Of a word, in points, as most are."""

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], Place]]:
        return iter(self._known)

    def place(self, token: Token) -> Place:
        return self.at(token.left, token.top, token.right, token.bottom)

    def at(self, left: float, top: float, right: float, bottom: float) -> Place:
        level = (top + bottom) / 2 - self.slope * (left + right) / 2
        return Place(left, top, right, bottom, level)

    def find(self, label: Sequence[str]) -> list[Place]:
        """Where a label stands, whatever line its last words are on; first where it is read as it
        is, and else where it is read a little otherwise. A word of one letter with which it begins
        may be missing, as what looks like a line is."""
        wanted = [tuple(label)]
        if len(label) > 2 and len(label[0]) == 1:
            wanted.append(tuple(label[1:]))
        for one in wanted:
            for alike in (_is_same, _is_alike):
                found = [
                    made
                    for words, place in self._known
                    if (made := self._from(one, words, place, alike)) is not None
                ]
                if found:
                    return sorted(found, key=lambda place: (place.level, place.left))
        return []

    def _from(
        self, label: tuple[str, ...], words: tuple[str, ...], place: Place, alike: _Alike
    ) -> Place | None:
        """The place of a label that begins with a word."""
        first = last = place
        left = label
        while True:
            if not words or len(words) > len(left) or not all(map(alike, words, left)):
                return None
            left = left[len(words) :]
            if not left:
                return Place(first.left, first.top, last.right, first.bottom, first.level)
            following = self._after(last) or self._below(first, last)
            if following is None:
                return None
            words, last = following

    def _after(self, place: Place) -> tuple[tuple[str, ...], Place] | None:
        """The next word of the line, not farther away than words are."""
        near = (
            (words, one)
            for words, one in self._known
            if one.left > place.left
            and -self.height < one.left - place.right < 1.5 * self.height
            and self.in_line(place, one)
        )
        return min(near, key=lambda item: item[1].left, default=None)

    def _below(self, first: Place, last: Place) -> tuple[tuple[str, ...], Place] | None:
        """The word with which the next line begins."""
        near = (
            (words, one)
            for words, one in self._known
            if abs(one.left - first.left) < 2 * self.height
            and 0.6 * self.height < one.level - last.level < 2 * self.height
        )
        return min(near, key=lambda item: item[1].level, default=None)

    def in_line(self, one: Place, other: Place) -> bool:
        """Whether both are on one line."""
        return abs(one.level - other.level) < 0.55 * min(
            max(one.height, self.height), max(other.height, self.height)
        )


def _is_same(read: str, wanted: str) -> bool:
    # The I of "I accept" is read as a line, of whatever kind.
    return read == wanted or (wanted == "i" and read in ("l", "1"))


def _is_alike(read: str, wanted: str) -> bool:
    if _is_same(read, wanted):
        return True
    if len(wanted) < _MIN_LETTERS:
        return False
    return SequenceMatcher(None, read, wanted, autojunk=False).ratio() >= _ALIKE
