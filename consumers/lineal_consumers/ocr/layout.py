"""Words on a page as the engines exchange them, and how they become a page's text."""

from __future__ import annotations

from typing import NamedTuple

from lineal_consumers.ocr.page_geometry import IDENTITY, Affine
from lineal_consumers.ocr.projective import Projective
from lineal_consumers.ocr.scripts import is_unspaced
from lineal_schemas.results import Box, Word

_BLANK = 1.6
"""Heights of a Chinese character from which white between two is a blank."""


class PositionedWord(NamedTuple):
    """A word and its box in points, from the top left of the page as seen."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def moved(self, way: Affine | Projective) -> PositionedWord:
        """The word where a transformation puts it."""
        return PositionedWord(self.text, self.confidence, *way.box(*self[2:]))


class Line(NamedTuple):
    """The words of one text line, at least one, in reading order."""

    words: list[PositionedWord]
    new_paragraph: bool
    """Whether a blank line sets it off from the line before."""


def move_lines(lines: list[Line], way: Affine | Projective) -> list[Line]:
    """The lines with their boxes where a transformation puts them."""
    return [Line([word.moved(way) for word in line.words], line.new_paragraph) for line in lines]


def page_text(
    lines: list[Line], width: float, height: float, offset: int, *, recognized: bool = False
) -> tuple[str, tuple[Word, ...]]:
    """The text of a page and its words with offsets, counted from ``offset``.

    ``width`` and ``height`` are the page's size in points; boxes come out as fractions of it,
    rounded to four decimals (a quarter of a pixel at 300 dpi). Recognition takes Chinese and
    Japanese apart where there is no blank: words of a ``recognized`` page that touch are one.
    """
    import numpy as np

    placed = [word for line in lines for word in line.words]
    if not placed:
        return "", ()
    # Rounded all at once: number by number it takes longer than reading the text layer.
    boxes = np.array([word[2:] for word in placed])
    boxes /= (max(width, 1e-6), max(height, 1e-6)) * 2
    boxes = boxes.clip(0, 1)
    boxes[:, 2:] -= boxes[:, :2]
    sides = boxes.round(4).tolist()
    pieces: list[str] = []
    words: list[Word] = []
    position = offset
    index = 0
    for number, line in enumerate(lines):
        if number:
            gap = "\n\n" if line.new_paragraph else "\n"
            pieces.append(gap)
            position += len(gap)
        before: PositionedWord | None = None
        for word in line.words:
            if before is not None and not (recognized and _is_unparted(before, word)):
                pieces.append(" ")
                position += 1
            end = position + len(word.text)
            left, top, across, down = sides[index]
            words.append(Word(position, end, word.confidence, left, top, across, down, number))
            index += 1
            pieces.append(word.text)
            position = end
            before = word
    return "".join(pieces), tuple(words)


def _is_unparted(before: PositionedWord, word: PositionedWord) -> bool:
    gap = max(word.left - before.right, before.left - word.right)
    return (
        is_unspaced(before.text[-1])
        and is_unspaced(word.text[0])
        and gap < _BLANK * max(before.height, word.height)
    )


class Frame(NamedTuple):
    """Where boxes in points lie on a page: its size, and the way to it from the coordinates they
    are given in (those of the straightened page, where the page is skewed)."""

    width: float
    height: float
    place: Affine | Projective = IDENTITY

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """A box in fractions of the page."""
        if self.place is not IDENTITY:
            left, top, right, bottom = self.place.box(left, top, right, bottom)
        across, down = max(self.width, 1e-6), max(self.height, 1e-6)
        x, y = _fraction(left / across), _fraction(top / down)
        return Box(
            x, y, round(_fraction(right / across) - x, 4), round(_fraction(bottom / down) - y, 4)
        )

    def box_around(self, words: list[PositionedWord]) -> Box:
        """The box around some words, in fractions of the page."""
        return self.box(
            min(word.left for word in words),
            min(word.top for word in words),
            max(word.right for word in words),
            max(word.bottom for word in words),
        )


def _fraction(value: float) -> float:
    return 0.0 if value < 0 else 1.0 if value > 1 else round(value, 4)


def plain_word(text: str) -> str:
    """Its letters and figures alone, in lower case: to compare words by what was read of them."""
    return "".join(character for character in text.casefold() if character.isalnum())
