"""Compares what a text layer says with what was recognised on the page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lineal_consumers.ocr.figure_conflicts import find_figure_conflicts
from lineal_consumers.ocr.layout import move_lines, plain_word
from lineal_consumers.ocr.page_geometry import quarter_turns
from lineal_consumers.ocr.page_images import Region
from lineal_consumers.ocr.tesseract import DetectedWord

if TYPE_CHECKING:
    from lineal_consumers.ocr.layout import Line, PositionedWord
    from lineal_consumers.ocr.recognition import Recognized

_CONFIDENT = 0.8
"""Confidence from which a word is a witness."""
_SAME = 0.6
"""Share of the words that were recognised with confidence which a right text layer has."""
_MAX_WORDS = 50
_WITNESSES = 2
"""Words that were recognised with confidence from which they speak against a text layer."""


def agrees(layer: list[Line], seen: Recognized) -> bool:
    """Whether what was recognised with confidence is what a text layer says; without enough to go
    by, it is taken to."""
    said = Counter(plain_word(word.text) for line in layer for word in line.words)
    read = Counter(
        plain_word(word.text)
        for line in seen.lines
        for word in line.words
        if word.confidence >= _CONFIDENT and len(plain_word(word.text)) >= 2
    )
    if read.total() < _WITNESSES:
        return True
    same = said & read
    # A font may be wrong about its figures alone.
    figures, same_figures = (
        sum(number for word, number in count.items() if _has_figures(word))
        for count in (read, same)
    )
    if figures >= _WITNESSES and same_figures < 0.5 * figures:
        return False
    return same.total() >= _SAME * read.total()


def find_other_figures(layer: list[Line], seen: Recognized, page: Region) -> list[Region]:
    """Where a text layer says other figures than were recognised with confidence.

    Args:
        page: all of the page as it is seen.
    """
    turn = quarter_turns(seen.rotation, page.right, page.bottom)
    upright = move_lines(layer, turn)
    words = [word for line in seen.lines for word in line.words]
    doubtful = [word for word in words if word.confidence < _CONFIDENT and _has_figures(word.text)]
    places = [
        Region(*box) for box in find_figure_conflicts(_detected(upright), _detected(seen.lines))
    ]
    return [
        Region(*turn.inverse().box(*place))
        for place in places
        if not any(
            place.holds((word.left + word.right) / 2, (word.top + word.bottom) / 2)
            for word in doubtful
        )
    ]


def find_other_words(
    layer: list[Line], seen: Recognized, signs: frozenset[str], page: Region
) -> list[PositionedWord]:
    """The words of a text layer that have one of some signs, where what was recognised is not the
    same.

    Args:
        page: all of the page as it is seen.
    """
    if not signs:
        return []
    upright = move_lines(layer, quarter_turns(seen.rotation, page.right, page.bottom))
    read = [word for line in seen.lines for word in line.words]
    found = []
    for line, turned in zip(layer, upright, strict=True):
        for word, there in zip(line.words, turned.words, strict=True):
            if signs.isdisjoint(word.text):
                continue
            others = [other for other in read if _in_one_place(there, other)]
            if plain_word(word.text) not in plain_word("".join(other.text for other in others)):
                found.append(word)
    return found[:_MAX_WORDS]


def _in_one_place(word: PositionedWord, other: PositionedWord) -> bool:
    """Whether the middle of one is in the other: engines do not end words in the same places."""
    return any(
        Region(a.left, a.top, a.right, a.bottom).holds(
            (b.left + b.right) / 2, (b.top + b.bottom) / 2
        )
        for a, b in ((word, other), (other, word))
    )


def _detected(lines: list[Line]) -> list[DetectedWord]:
    return [
        DetectedWord(*word, new_line=at == 0, new_paragraph=False)
        for line in lines
        for at, word in enumerate(line.words)
    ]


def _has_figures(text: str) -> bool:
    return any(map(str.isdigit, text))
