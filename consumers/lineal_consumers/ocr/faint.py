"""Letters that are hardly darker than their paper, or lighter than a dark page.

What counts as ink is chosen for scans, where paper has a texture and the other side shows through.
Fainter letters are looked for where they stand in rows and there is no ink: a page with nothing
else is given contrast, and on others they are read by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineal_consumers.ocr import page_signals
from lineal_consumers.ocr.page_signals import VIEW_DPI, Signals
from lineal_consumers.ocr.second_look import read_pieces
from lineal_consumers.ocr.unread import find_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.ocr.layout import PositionedWord
    from lineal_consumers.ocr.page_raster import Raster
    from lineal_consumers.ocr.tesseract import DetectedWord

    Gray = npt.NDArray[np.uint8]
    Box = tuple[float, float, float, float]

_INK = 0.955
"""Of the brightness of the paper; the noise of a scanner is above it on the view."""
_AWAY = 3
"""Pixels of the view around ink that its own blur may darken."""
_DARK = 100
"""Median brightness of a page that may be light on dark."""
_MORE = 1.5
"""How many times the letters of a page its negative has where the page is one."""
_FIRST = 3
"""Rows by which it is told whether any of them are this page's."""
_MAX_ROWS = 40
_BLACK = 5
"""Percentile of the brightness of rows of letters that becomes black."""


def turn_light_on_dark(raster: Raster) -> Raster:
    """The negative of a page that is light on dark as a whole; the same raster for others."""
    import numpy as np

    step = max(1, raster.dpi // VIEW_DPI)
    if float(np.median(raster.gray[::step, ::step])) >= _DARK:
        return raster
    turned = replace(raster, gray=np.subtract(255, raster.gray))
    before, after = (
        sum(count for count, _ in find_rows(page_signals.page_signals(one.gray, one.dpi)))
        for one in (raster, turned)
    )
    return turned if after > _MORE * before else raster


def find_faint_rows(gray: Gray, dpi: int, signals: Signals) -> list[Box]:
    """Boxes around rows of letters that are too faint for ink, in pixels, those of most letters
    first."""
    import cv2
    import numpy as np

    faint = page_signals.page_signals(gray, dpi, ink=_INK)
    side = 2 * _AWAY + 1
    near = np.asarray(cv2.dilate(signals.ink, np.ones((side, side), np.uint8)))
    apart = [not near[y : y + h, x : x + w].any() for x, y, w, h, _ in faint.components.tolist()]
    faint.components = faint.components[np.array(apart, bool)]
    return [box for _, box in find_rows(faint)]


def read_faint_rows(
    gray: Gray, boxes: list[Box], dpi: int, language: str, seconds: float
) -> list[DetectedWord]:
    """The words that are read with confidence in these boxes of a page image, in pixels. What reads
    as well in a mirror shows through from the other side; after some such rows none is looked at.

    Raises:
        TimeoutError: recognition takes too long.
    """
    import numpy as np

    found: list[DetectedWord] = []
    width = gray.shape[1]
    for number, box in enumerate(boxes[:_MAX_ROWS]):
        if number == _FIRST and not found:
            break
        words = read_pieces(gray, [box], dpi, language, seconds)
        if not words:
            continue
        left, top, right, bottom = box
        mirrored = np.ascontiguousarray(gray[:, ::-1])
        other = read_pieces(
            mirrored, [(width - right, top, width - left, bottom)], dpi, language, seconds
        )
        if worth(words) > worth(other):
            found += words
    return found


def worth(words: Iterable[DetectedWord | PositionedWord]) -> float:
    """The number of letters that were read, weighted by their confidence."""
    return sum(len(word.text) * max(0.0, word.confidence - 0.5) for word in words)


def with_contrast(raster: Raster, signals: Signals, rows: list[Box]) -> Raster:
    """A page without ink whose rows of letters become black."""
    import numpy as np

    flat = page_signals.even_light(raster.gray, signals, 1)
    parts = [
        flat[int(top) : int(bottom) + 1, int(left) : int(right) + 1].ravel()
        for left, top, right, bottom in rows
    ]
    black = float(np.percentile(np.concatenate(parts), _BLACK))
    table = np.clip((np.arange(256) - black) * (255 / max(255 - black, 1)), 0, 255)
    return replace(raster, gray=table.astype(np.uint8)[flat])
