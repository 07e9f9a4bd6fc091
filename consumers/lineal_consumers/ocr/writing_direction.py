"""Text that runs up or down the page as it is seen: a wide table set sideways, a page turned."""

from __future__ import annotations

from typing import Literal

from lineal_consumers.ocr.layout import Line, PositionedWord

Direction = Literal["across", "down", "up"]


def writing_direction(lines: list[list[PositionedWord]]) -> Direction:
    """Where most words follow one another. Right to left counts as across, as Arabic is written."""
    across = down = up = 0
    for words in lines:
        first, last = words[0], words[-1]
        right = abs(last.left + last.right - first.left - first.right)
        further = last.top + last.bottom - first.top - first.bottom
        if abs(further) <= right:
            across += len(words) - 1
        elif further > 0:
            down += len(words) - 1
        else:
            up += len(words) - 1
    if across >= down and across >= up:
        return "across"
    return "down" if down >= up else "up"


def as_if_across(
    lines: list[list[PositionedWord]], direction: Direction
) -> list[list[PositionedWord]]:
    """The words where they would be if they were written across, so that order and paragraphs are
    found in one way; coordinates may be negative."""
    return [[_turned(word, back=direction == "down") for word in words] for words in lines]


def as_seen(lines: list[Line], direction: Direction) -> list[Line]:
    """Turns back what :func:`as_if_across` turned."""
    return [
        Line([_turned(word, back=direction == "up") for word in line.words], line.new_paragraph)
        for line in lines
    ]


def _turned(word: PositionedWord, *, back: bool) -> PositionedWord:
    """A quarter turn clockwise about the origin, or ``back`` against the clock."""
    left, top, right, bottom = word[2:]
    if back:
        return word._replace(left=top, top=-right, right=bottom, bottom=-left)
    return word._replace(left=-bottom, top=left, right=-top, bottom=right)
