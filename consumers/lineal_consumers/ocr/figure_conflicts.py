"""Figures of a page that two engines read differently: one of them is wrong, and no confidence says
which."""

from __future__ import annotations

from itertools import groupby

from lineal_consumers.ocr.tesseract import DetectedWord

FIGURE_CONFLICT = "two engines read different figures"
"""The doubt whose places say where."""
_MAX_PLACES = 20

Box = tuple[float, float, float, float]


def find_figure_conflicts(words: list[DetectedWord], others: list[DetectedWord]) -> list[Box]:
    """Boxes of the words of one reading whose figures the other reading has not.

    Words of different engines do not end in the same places, so the digits of a whole line are
    compared, in the order in which they stand.
    """
    boxes: list[Box] = []
    for line in _lines(words):
        top, bottom = min(word.top for word in line), max(word.bottom for word in line)
        left, right = line[0].left, max(word.right for word in line)
        level = [
            other
            for other in others
            if top <= (other.top + other.bottom) / 2 <= bottom
            and left <= (other.left + other.right) / 2 <= right
        ]
        if not level:
            # What one engine found and the other did not is not in dispute.
            continue
        if _digits(line) != _digits(level):
            figures = [word for word in line if any(map(str.isdigit, word.text))] or line
            boxes.append(
                (
                    min(word.left for word in figures),
                    top,
                    max(word.right for word in figures),
                    bottom,
                )
            )
    return boxes[:_MAX_PLACES]


def _lines(words: list[DetectedWord]) -> list[list[DetectedWord]]:
    count = 0

    def number(word: DetectedWord) -> int:
        nonlocal count
        count += word.new_line
        return count

    return [list(line) for _, line in groupby(words, key=number)]


def _digits(words: list[DetectedWord]) -> str:
    ordered = sorted(words, key=lambda word: word.left)
    return "".join(c for word in ordered for c in word.text if c.isdigit())
