"""Finds ink on a recognised page that looks like text and was not read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lineal_consumers.ocr.page_signals import VIEW_DPI, Signals

if TYPE_CHECKING:
    from lineal_consumers.ocr.recognition import Recognized

Box = tuple[float, float, float, float]

_LETTERS = 3
"""Pieces of ink in a row from which they may be a word."""
_TALLEST = 0.5
"""Inches; what is taller is no letter of a text."""
_SURE = 0.5
"""Confidence from which a word counts as read."""
_MAX_PLACES = 20
_NEAR = (12, 3)
"""Pixels of the view across and down within which letters belong together."""


def find_unread_places(seen: Recognized) -> list[Box]:
    """Boxes around letters, words or lines that no word covers, in points of the upright page; the
    largest first, at most twenty."""
    size = seen.pixel
    words = [
        (word.confidence, word.left / size, word.top / size, word.right / size, word.bottom / size)
        for line in seen.straight_lines
        for word in line.words
    ]
    boxes = unread_boxes(seen.straight, words)
    return [seen.unskew.box(*(side * seen.pixel for side in box)) for box in boxes]


def unread_boxes(
    signals: Signals, words: Iterable[tuple[float, float, float, float, float]]
) -> list[Box]:
    """The same in pixels of the image that was recognised, given the confidence and the box of
    each of its words."""
    return [box for _, box in find_rows(signals, words)[:_MAX_PLACES]]


def find_rows(
    signals: Signals, words: Iterable[tuple[float, float, float, float, float]] = ()
) -> list[tuple[int, Box]]:
    """How many letters, words or lines of letters have that no word covers, and the boxes around
    them in pixels of the image, those of most letters first."""
    import cv2
    import numpy as np

    height, width = signals.text_ink.shape
    pixels = 1 / signals.scale
    read = np.zeros((height, width), np.bool_)
    for confidence, *sides in words:
        if confidence < _SURE:
            continue
        left, top, right, bottom = (int(side / pixels) for side in sides)
        read[max(0, top - 2) : bottom + 3, max(0, left - 2) : right + 3] = True
    parts = signals.components
    parts = parts[(parts[:, 3] <= _TALLEST * VIEW_DPI) & (parts[:, 2] <= 3 * VIEW_DPI)]
    x = np.clip(parts[:, 0] + parts[:, 2] // 2, 0, width - 1)
    y = np.clip(parts[:, 1] + parts[:, 3] // 2, 0, height - 1)
    parts = parts[~read[y, x]]
    if len(parts) < _LETTERS:
        return []
    letters = np.zeros((height, width), np.uint8)
    for left, top, across, down, _ in parts.tolist():
        letters[top : top + down, left : left + across] = 1
    near = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * _NEAR[0] + 1, 2 * _NEAR[1] + 1))
    _, groups = cv2.connectedComponents(np.asarray(cv2.dilate(letters, near), np.uint8))
    owners = groups[
        np.clip(parts[:, 1] + parts[:, 3] // 2, 0, height - 1),
        np.clip(parts[:, 0] + parts[:, 2] // 2, 0, width - 1),
    ]
    places: list[tuple[int, Box]] = []
    for owner in np.unique(owners).tolist():
        mine = parts[owners == owner]
        if owner == 0 or len(mine) < _LETTERS or not _in_a_row(mine):
            continue
        left, top = int(mine[:, 0].min()), int(mine[:, 1].min())
        right = int((mine[:, 0] + mine[:, 2]).max())
        bottom = int((mine[:, 1] + mine[:, 3]).max())
        box = (left * pixels, top * pixels, right * pixels, bottom * pixels)
        places.append((len(mine), box))
    places.sort(key=lambda place: -place[0])
    return places


def _in_a_row(parts: object) -> bool:
    """Whether pieces of ink look like letters of lines: of similar height, and more across than
    down. Texture of a photo is neither."""
    import numpy as np

    stats = np.asarray(parts)
    heights = stats[:, 3].astype(float)
    middle = float(np.median(heights))
    similar = np.mean((heights >= 0.5 * middle) & (heights <= 1.8 * middle))
    right = (stats[:, 0] + stats[:, 2]).max()
    bottom = (stats[:, 1] + stats[:, 3]).max()
    across, down = right - stats[:, 0].min(), bottom - stats[:, 1].min()
    return bool(middle >= 3 and similar >= 0.7 and across >= 1.2 * down)
