"""Finds rulings: in the ink of a scan, and among the paths of a digital page."""

from __future__ import annotations

from ctypes import byref, c_float, c_int
from typing import TYPE_CHECKING

from lineal_consumers.ocr.page_geometry import Affine, seen_from_user_space
from lineal_consumers.ocr.page_signals import VIEW_DPI, Signals
from lineal_consumers.ocr.tables import Ruling

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

_SHORTEST_ACROSS = 0.5
"""Inches; a shorter horizontal line may be a dash or part of a letter."""
_SHORTEST_DOWN = 0.18
_THICKEST = 3.0
"""Points up to which a filled rectangle is a ruling."""
_MAX_OBJECTS = 20_000
_MAX_RULINGS = 50_000
"""Pages with more are drawings."""


def scanned_rulings(signals: Signals, points: float) -> tuple[list[Ruling], list[Ruling]]:
    """Horizontal and vertical rulings in the ink of a straightened page, in points.

    ``points`` is the size of a pixel of the page image in points. Costs about 2 ms a page.
    """
    import cv2
    import numpy as np

    wide = cv2.getStructuringElement(cv2.MORPH_RECT, (int(_SHORTEST_ACROSS * VIEW_DPI), 1))
    flat = cv2.morphologyEx(signals.ink, cv2.MORPH_OPEN, wide)
    if not flat.any():
        return [], []
    tall = cv2.getStructuringElement(cv2.MORPH_RECT, (1, int(_SHORTEST_DOWN * VIEW_DPI)))
    steep = cv2.morphologyEx(signals.ink, cv2.MORPH_OPEN, tall)
    scale = points / signals.scale
    across = [
        Ruling((top + bottom) / 2, left, right)
        for left, top, right, bottom in _pieces(np.asarray(flat, np.uint8), scale, lying=True)
    ]
    down = [
        Ruling((left + right) / 2, top, bottom)
        for left, top, right, bottom in _pieces(np.asarray(steep, np.uint8), scale, lying=False)
    ]
    return across, down


def _pieces(
    mask: npt.NDArray[np.uint8], scale: float, *, lying: bool
) -> list[tuple[float, float, float, float]]:
    """The boxes in points of the long thin pieces of a mask; steps of a slightly skewed line and
    small breaks are closed."""
    import cv2
    import numpy as np

    mask = np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = []
    for left, top, width, height, _ in stats[1:count].tolist():
        length, thickness = (width, height) if lying else (height, width)
        if thickness <= max(9, length / 15):
            boxes.append(
                (
                    (left + 1) * scale,
                    (top + 1) * scale,
                    (left + width - 1) * scale,
                    (top + height - 1) * scale,
                )
            )
    return boxes


def drawn_rulings(page: pdfium.PdfPage) -> tuple[list[Ruling], list[Ruling]]:
    """Horizontal and vertical rulings among the paths of a digital page, in points as seen.

    Thin filled rectangles are rulings, and so is every straight edge of a stroked path.
    """
    import pypdfium2.raw as raw

    across: list[Ruling] = []
    down: list[Ruling] = []
    handle = page.raw
    count = raw.FPDFPage_CountObjects(handle)
    if count > _MAX_OBJECTS:
        return across, down
    seen = seen_from_user_space(page)
    get, type_of, path = raw.FPDFPage_GetObject, raw.FPDFPageObj_GetType, raw.FPDF_PAGEOBJ_PATH
    for index in range(count):
        item = get(handle, index)
        if type_of(item) == path:
            _add_path(item, seen, across, down)
            if len(across) + len(down) > _MAX_RULINGS:
                return [], []
    return across, down


def _add_path(item: object, seen: Affine, across: list[Ruling], down: list[Ruling]) -> None:
    import pypdfium2.raw as raw

    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not raw.FPDFPageObj_GetBounds(item, byref(left), byref(bottom), byref(right), byref(top)):
        return
    box = seen.box(left.value, bottom.value, right.value, top.value)
    if _add_thin(*box, across, down):
        return
    fill, stroke = c_int(), c_int()
    raw.FPDFPath_GetDrawMode(item, byref(fill), byref(stroke))
    segments = raw.FPDFPath_CountSegments(item)
    if not stroke.value or segments > 100:
        return
    matrix = raw.FS_MATRIX()
    placed = seen
    if raw.FPDFPageObj_GetMatrix(item, byref(matrix)):
        placed = seen.after(Affine(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f))
    x, y = c_float(), c_float()
    start = here = (0.0, 0.0)
    for index in range(segments):
        segment = raw.FPDFPath_GetPathSegment(item, index)
        raw.FPDFPathSegment_GetPoint(segment, byref(x), byref(y))
        point = placed.point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            _add_edge(here, point, across, down)
        here = point
        if raw.FPDFPathSegment_GetClose(segment):
            _add_edge(here, start, across, down)


def _add_edge(
    a: tuple[float, float], b: tuple[float, float], across: list[Ruling], down: list[Ruling]
) -> None:
    _add_thin(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]), across, down)


def _add_thin(
    left: float,
    top: float,
    right: float,
    bottom: float,
    across: list[Ruling],
    down: list[Ruling],
) -> bool:
    """Take a thin box as a ruling; whether it was thin."""
    if bottom - top <= _THICKEST and right - left > 2 * _THICKEST:
        across.append(Ruling((top + bottom) / 2, left, right))
        return True
    if right - left <= _THICKEST and bottom - top > 2 * _THICKEST:
        down.append(Ruling((left + right) / 2, top, bottom))
        return True
    return False
