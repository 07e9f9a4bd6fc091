"""A photo of a sheet of paper: the sheet is read, and its words are found again on the photo."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from lineal_consumers.ocr import page_signals, second_look
from lineal_consumers.ocr.layout import move_lines
from lineal_consumers.ocr.page_geometry import Affine, quarter_turns
from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.projective import Projective
from lineal_consumers.ocr.sheet import Sheet
from lineal_consumers.ocr.unread import unread_boxes

if TYPE_CHECKING:
    from lineal_consumers.ocr.page_signals import Signals
    from lineal_consumers.ocr.recognition import Recognized

_FEW = 20
_LETTER_PIXELS = 24
"""Height of letters, in the median, at which photos are read best: 18 to 32 are as good."""
_LETTER_DPI = 200
"""At which print of the usual size has such letters."""
_LETTERS = 3
_SURE = 0.85
"""Confidence from which a word beside the sheet is one, and not the grain of a table."""
_MAX_SECONDS = 2.0
"""For what lies beside the sheet."""


def prepare(sheet: Sheet) -> Sheet:
    """The sheet as a scanner would show it: evenly lit, ink black, letters of the height that
    recognition reads best."""
    import cv2
    import numpy as np

    gray, dpi = sheet.raster.gray, sheet.raster.dpi
    signals = page_signals.page_signals(gray, dpi)
    flat = page_signals.even_light(gray, signals, 1)
    heights = signals.components[:, 3] / signals.scale
    scale = 1.0
    if len(heights) >= _FEW:
        scale = float(np.clip(_LETTER_PIXELS / np.median(heights), 0.1, 2.0))
    if scale != 1:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        flat = np.asarray(
            cv2.resize(flat, None, fx=scale, fy=scale, interpolation=method), np.uint8
        )
    raster = Raster(
        page_signals.increase_contrast(flat), _LETTER_DPI, sheet.raster.width, sheet.raster.height
    )
    # The sides were rounded, and so the scale is not quite the same across and down.
    across, down = gray.shape[1] / flat.shape[1], gray.shape[0] / flat.shape[0]
    return Sheet(raster, sheet.way.after(Affine(across, 0, 0, down, 0, 0)))


def place_on_photo(seen: Recognized, sheet: Sheet, photo: Raster) -> Recognized:
    """Moves what was read on a sheet that was cut out of a photo to its place on the photo."""
    rows, columns = sheet.raster.gray.shape
    photo_rows, photo_columns = photo.gray.shape
    points = photo.width / photo_columns
    pixels = 1 / seen.pixel
    to_pixels = Affine(pixels, 0, 0, pixels, 0, 0)
    stored = quarter_turns(seen.rotation, columns, rows).inverse()
    way = sheet.way.after(stored.after(to_pixels)).before(
        Affine(points, 0, 0, points, 0, 0).after(
            quarter_turns(seen.rotation, photo_columns, photo_rows)
        )
    )
    turned = seen.rotation % 180 != 0
    width, height = (photo.height, photo.width) if turned else (photo.width, photo.height)
    return replace(
        seen,
        width=width,
        height=height,
        skew=round(_slope(way.after(seen.unskew), seen), 1),
        lines=move_lines(seen.lines, way),
        unskew=way.after(seen.unskew),
        conflicts=[way.box(*box) for box in seen.conflicts],
    )


def _slope(way: Projective, seen: Recognized) -> float:
    """Degrees clockwise by which lines in the middle of the sheet are off the horizontal."""
    x, y = seen.width / 2, seen.height / 2
    (left, top), (right, bottom) = way.point(x - 50, y), way.point(x + 50, y)
    return math.degrees(math.atan2(bottom - top, right - left))


def find_words_outside(
    sheet: Sheet, photo: Raster, signals: Signals, language: str
) -> list[second_look.Box]:
    """Where on the photo, in its pixels, words are that do not stand on the sheet.

    Raises:
        TimeoutError: looking takes too long.
    """
    import cv2
    import numpy as np

    rows, columns = sheet.raster.gray.shape
    corners = np.array(
        [sheet.way.point(x, y) for x, y in ((0, 0), (columns, 0), (columns, rows), (0, rows))]
    )
    outside = np.ones_like(signals.text_ink)
    cv2.fillConvexPoly(outside, np.asarray(corners * signals.scale, np.int32), (0,))
    # The edge itself is no text.
    outside = np.asarray(cv2.erode(outside, np.ones((15, 15), np.uint8)), np.uint8)
    parts = signals.components
    x = np.clip(parts[:, 0] + parts[:, 2] // 2, 0, outside.shape[1] - 1)
    y = np.clip(parts[:, 1] + parts[:, 3] // 2, 0, outside.shape[0] - 1)
    beside = replace(signals, components=parts[outside[y, x] == 1])
    found = []
    for box in unread_boxes(beside, ()):
        words = second_look.read_pieces(photo.gray, [box], photo.dpi, language, _MAX_SECONDS)
        if any(w.confidence >= _SURE and sum(map(str.isalnum, w.text)) >= _LETTERS for w in words):
            found.append(box)
    return found
