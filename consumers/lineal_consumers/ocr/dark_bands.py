"""Text that is light on dark on a page of dark on light: the head of a table, a banner.

Layout analysis takes a dark bar for a picture and leaves it out, so it is made light beforehand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineal_consumers.ocr.page_signals import VIEW_DPI

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.ocr.page_raster import Raster

    Gray = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

_DARK = 0.5
"""Of the brightness of the paper."""
_LEAST_SHARE = 0.001
"""Of the page that has to be dark for it to be looked at."""
_LARGEST_SHARE = 0.5
"""Of the page; what is larger is the page itself."""
_LOWEST, _NARROWEST = 7, 30
"""Pixels of the view: a line of small print, a word."""
_STROKE = 5
"""Pixels of the view that a light stroke is wide at most."""
_FILLED = 0.8
"""Share of the box around a bar that is dark, the letters on it counted as dark."""
_GROUND = 0.5
"""Share of a bar that is its ground."""
_LETTERS = 3


def lighten_dark_bands(raster: Raster) -> Raster:
    """The page with its dark bars turned to dark on light; the same raster where it has none."""
    import cv2
    import numpy as np

    scale = min(1.0, VIEW_DPI / raster.dpi)
    height, width = raster.gray.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    view = np.asarray(cv2.resize(raster.gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    dark = view < _DARK * float(np.percentile(view[::4, ::4], 90))
    if dark.mean() < _LEAST_SHARE:
        return raster
    bands = [box for box in _bars(dark) if _has_letters(dark, box)]
    if not bands:
        return raster
    gray = raster.gray.copy()
    for left, top, across, down in bands:
        x, y = round(left / scale), round(top / scale)
        part = gray[y : round((top + down) / scale), x : round((left + across) / scale)]
        np.subtract(255, part, out=part)
    return replace(raster, gray=gray)


def _bars(dark: Mask) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, width, height) that are dark all over but for strokes."""
    import cv2
    import numpy as np

    solid = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_CLOSE, _square(_STROKE))
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, _square(_LOWEST))
    _, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    return [
        (left, top, across, down)
        for left, top, across, down, area in stats[1:].tolist()
        if across >= _NARROWEST
        and down >= _LOWEST
        and area >= _FILLED * across * down
        and across * down <= _LARGEST_SHARE * dark.size
    ]


def _square(side: int) -> Gray:
    import numpy as np

    return np.ones((side, side), np.uint8)


def _has_letters(dark: Mask, box: tuple[int, int, int, int]) -> bool:
    """Whether there are light strokes inside, as high as letters of one line at most."""
    import cv2
    import numpy as np

    left, top, across, down = box
    inside = dark[top : top + down, left : left + across]
    if inside.mean() < _GROUND:
        return False
    light = (~inside).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(light, connectivity=8)
    letters = 0
    for x, y, wide, tall, area in stats[1:].tolist():
        within = x > 0 and y > 0 and x + wide < across and y + tall < down
        letters += within and area >= 4 and tall >= 3 and wide <= 4 * tall
    return letters >= _LETTERS
