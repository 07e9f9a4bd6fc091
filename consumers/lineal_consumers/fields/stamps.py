"""Stamps: rings and frames in a colour; without colour, rings, and frames that are put on askew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lineal_consumers.fields.drawn import Mark

if TYPE_CHECKING:
    from lineal_consumers.fields.drawn import Pixels

_COLOURED = 1e-4
"""Share of pixels in a colour from which a page is a scan in colours."""
_MIN_ASKEW = 3.0
"""Degrees by which a frame has to be turned against the lines of the page to be a stamp's."""


def is_coloured(image: Pixels) -> bool:
    """Whether anything on a page has a colour: of one that is grey a stamp may be as well."""
    return float((_coloured(image) > 0).mean()) > _COLOURED


def stamps(image: Pixels) -> Iterator[Mark]:
    """Rings and frames in a colour, the largest first."""
    import cv2
    import numpy as np

    coloured = _coloured(image)
    closed = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(np.uint8)
    for mark, _, _ in _rings_and_frames(closed, coloured):
        yield mark._replace(sure=0.85)


def grey_stamps(ink: Pixels, slope: float) -> Iterator[Mark]:
    """Rings, and frames that are turned against the page, in whatever colour they were.

    Args:
        slope: how much the lines of the page fall towards the right, pixels a pixel.
    """
    import cv2
    import numpy as np

    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(np.uint8)
    level = float(np.degrees(np.arctan(slope)))
    for mark, is_round, angle in _rings_and_frames(closed, ink):
        askew = abs((angle - level + 45) % 90 - 45)
        if is_round or askew >= _MIN_ASKEW:
            yield mark._replace(sure=0.6)


def _coloured(image: Pixels) -> Pixels:
    import cv2
    import numpy as np

    hue = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    return ((hue[..., 1] > 60) & (hue[..., 2] > 40)).astype(np.uint8) * 255


def _rings_and_frames(closed: Pixels, ink: Pixels) -> Iterator[tuple[Mark, bool, float]]:
    """Marks, whether they are round, and by how many degrees they are turned."""
    import cv2
    import numpy as np

    # All of them: a form may have a frame around the whole page.
    contours, _ = cv2.findContours(closed, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    height, width = ink.shape
    for contour in sorted(contours, key=cv2.contourArea, reverse=True):
        left, top, across, down = cv2.boundingRect(contour)
        if not (0.06 * width <= across <= 0.45 * width and 0.02 * height <= down <= 0.3 * height):
            continue
        area = cv2.contourArea(contour)
        _, radius = cv2.minEnclosingCircle(contour)
        (_, _), (one, other), angle = cv2.minAreaRect(contour)
        is_round = area > 0.8 * np.pi * radius * radius
        is_frame = one * other > 0 and area > 0.85 * one * other
        filled = float((ink[top : top + down, left : left + across] > 0).mean())
        if (is_round or is_frame) and filled < 0.6:
            yield Mark(left, top, across, down, True), is_round, float(angle)
