"""Recognises again, alone, what a first reading of a page left out.

Layout analysis loses columns of figures: on photos of receipts, on pages with a dark edge. A piece
that is known to be a block of text needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.ocr import tesseract
from lineal_consumers.ocr.scripts import is_right_to_left
from lineal_consumers.ocr.tesseract import DetectedWord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]
    Box = tuple[float, float, float, float]

_MARGIN = 10
"""Pixels around a piece."""
_SURE = 0.7
"""Confidence from which a word is taken: there is nothing around it that bears it out."""
_DOUBTFUL = 0.5
_SCALES = (2.0, 1.0, 0.5)
"""Sizes at which a piece is read until there are words: recognition drops a line of Arabic at one
size and reads it at the next."""


def read_pieces(
    gray: Gray, boxes: list[Box], dpi: int, language: str, seconds: float
) -> list[DetectedWord]:
    """The words that are read with confidence in these boxes of a page image, in pixels.

    Raises:
        TimeoutError: recognition takes too long.
    """
    import cv2
    import numpy as np

    height, width = gray.shape
    found: list[DetectedWord] = []
    for left, top, right, bottom in boxes:
        x, y = max(0, int(left) - _MARGIN), max(0, int(top) - _MARGIN)
        piece = gray[y : min(height, int(bottom) + _MARGIN), x : min(width, int(right) + _MARGIN)]
        if min(piece.shape) < 2 * _MARGIN:
            continue
        for scale in _SCALES:
            method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
            scaled = np.asarray(
                cv2.resize(piece, None, fx=scale, fy=scale, interpolation=method), np.uint8
            )
            words = tesseract.recognize(scaled, round(scale * dpi), language, seconds, block=True)
            sure = [word for word in words if word.confidence >= _SURE]
            found += [
                word._replace(
                    left=x + word.left / scale, top=y + word.top / scale,
                    right=x + word.right / scale, bottom=y + word.bottom / scale,
                )
                for word in sure
            ]  # fmt: skip
            if sure:
                break
    return found


def put_in(words: list[DetectedWord], found: list[DetectedWord]) -> list[DetectedWord]:
    """Words in reading order with further ones in the lines on whose height they stand, or in
    lines of their own. Doubtful words in the place of a further one go."""
    lines: list[list[DetectedWord]] = []
    paragraph = False
    for word in words:
        if word.new_line or not lines:
            lines.append([])
            paragraph = word.new_paragraph
        if word.confidence < _DOUBTFUL and any(_covers(one, word) for one in found):
            continue
        # What goes may have been the first of its line, which begins all the same.
        lines[-1].append(word if lines[-1] else word._replace(new_paragraph=paragraph))
    lines = [line for line in lines if line]
    for word in found:
        middle = (word.top + word.bottom) / 2
        if any(_covers(other, word) for line in lines for other in line):
            continue
        level = [line for line in lines if any(w.top <= middle <= w.bottom for w in line)]
        if level:
            level[0].append(word._replace(new_paragraph=False))
            backwards = sum(is_right_to_left(one.text) for one in level[0]) > len(level[0]) / 2
            level[0].sort(key=lambda one: -one.right if backwards else one.left)
        else:
            at = sum(line[0].top <= word.top for line in lines)
            lines.insert(at, [word])
    return [
        word._replace(new_line=first, new_paragraph=first and any(w.new_paragraph for w in line))
        for line in lines
        for word, first in zip(line, [True] + [False] * len(line), strict=False)
    ]


def _covers(other: DetectedWord, word: DetectedWord) -> bool:
    x, y = (word.left + word.right) / 2, (word.top + word.bottom) / 2
    return other.left <= x <= other.right and other.top <= y <= other.bottom
