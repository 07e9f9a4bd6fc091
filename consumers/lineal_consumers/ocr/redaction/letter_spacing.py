"""Writing with blanks between its letters, put together as words that recognition can read."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lineal_schemas.results import Box

Gray = npt.NDArray[np.uint8]
_INK = 128
_SMALLEST, _LARGEST = 8, 400
"""Pixels of a letter's height."""
_FEWEST = 3
"""Letters of a row."""
_SPACED = 0.45
"""Heights of a letter between letters, in the median, of writing with blanks between them; others
have a fifth."""
_WORDS = 1.8
"""Usual gaps between letters from which a gap parts words."""
_LETTER_GAP, _WORD_GAP = 0.15, 0.7
"""Heights of a letter that are left between letters and between words."""


class _Letter(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top


class ClosedUp(NamedTuple):
    """An image of nothing but such rows, without the blanks."""

    gray: Gray
    letters: list[tuple[Box, Box]]
    """Where each letter stands in it, and where it stood; in fractions of the image."""

    def original_boxes(self, box: Box) -> list[Box]:
        """Where the letters stood that are in a box now, with all that is between them: boxes of
        single letters would say how wide each is."""
        inside = [
            before
            for now, before in self.letters
            if box.left <= now.left + now.width / 2 <= box.left + box.width
            and box.top <= now.top + now.height / 2 <= box.top + box.height
        ]
        if not inside:
            return []
        left, top = min(each.left for each in inside), min(each.top for each in inside)
        right = max(each.left + each.width for each in inside)
        bottom = max(each.top + each.height for each in inside)
        return [Box(left, top, right - left, bottom - top)]


def close_up(view: Gray) -> ClosedUp | None:
    """The rows of an image, dark on light, that have blanks between their letters; None where it
    has none."""
    height, width = view.shape
    rows = [row for row in _rows(_letters(view)) if _is_spaced(row)]
    if not rows:
        return None
    made: Gray = np.full_like(view, 255)
    letters = []
    for row in rows:
        size = float(np.median([letter.height for letter in row]))
        usual = float(np.median(_gaps(row)))
        at = row[0].left
        before = row[0]
        for letter in row:
            gap = letter.left - before.right
            if letter is not before:
                at += round(size * (_WORD_GAP if gap > _WORDS * usual else _LETTER_GAP))
            wide = letter.right - letter.left
            piece = view[letter.top : letter.bottom, letter.left : letter.right]
            made[letter.top : letter.bottom, at : at + wide] = piece
            now = Box(at / width, letter.top / height, wide / width, letter.height / height)
            stood = now._replace(left=letter.left / width)
            letters.append((now, stood))
            at += wide
            before = letter
    return ClosedUp(made, letters)


def _letters(view: Gray) -> list[_Letter]:
    """Pieces of ink as tall as letters, each with its dots and accents."""
    import cv2

    ink = (view < _INK).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    tall = [int(row[3]) for row in stats[1:] if _SMALLEST <= row[3] <= _LARGEST]
    if len(tall) < _FEWEST:
        return []
    # What is above a letter or below it belongs to it.
    reach = max(1, int(np.percentile(tall, 75) * 0.4))
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((reach, 1), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(joined, np.uint8), connectivity=8)
    return [
        _Letter(left, top, left + wide, top + high)
        for left, top, wide, high, _ in stats[1:].tolist()
        if _SMALLEST <= high <= _LARGEST and wide <= 2 * high
    ]


def _rows(letters: list[_Letter]) -> list[list[_Letter]]:
    rows: list[list[_Letter]] = []
    for letter in sorted(letters):
        for row in rows:
            last = row[-1]
            level = min(last.bottom, letter.bottom) - max(last.top, letter.top)
            near = letter.left - last.right < 4 * max(last.height, letter.height)
            if near and level > 0.5 * min(last.height, letter.height):
                row.append(letter)
                break
        else:
            rows.append([letter])
    return rows


def _gaps(row: list[_Letter]) -> list[int]:
    return [letter.left - before.right for before, letter in pairwise(row)]


def _is_spaced(row: list[_Letter]) -> bool:
    if len(row) < _FEWEST:
        return False
    size = float(np.median([letter.height for letter in row]))
    return float(np.median(_gaps(row))) > _SPACED * size
