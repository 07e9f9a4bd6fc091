"""What a PDF page without much text shows: how much of it is images, how much is drawn."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

_MAX_OBJECTS = 5_000
"""Objects a page that are looked at; a page with more is a drawing in any case."""
_DEEPEST = 4


@dataclass(slots=True)
class PageContent:
    """Signs of what a page shows."""

    image_coverage: float = 0.0
    """Sum of the images' bounding boxes over the page's area, at most 1."""
    segments: int = 0
    """Lines and curves in all paths."""


def look_at(page: Any) -> PageContent:
    """Measure a loaded page (an ``FPDF_PAGE``), form XObjects included."""
    import pypdfium2.raw as raw

    area = raw.FPDF_GetPageWidthF(page) * raw.FPDF_GetPageHeightF(page)
    content = PageContent()
    seen = 0
    covered = 0.0
    stack: list[tuple[Any, float, int]] = [
        (raw.FPDFPage_GetObject(page, index), 1.0, 0)
        for index in range(min(raw.FPDFPage_CountObjects(page), _MAX_OBJECTS))
    ]
    while stack and seen < _MAX_OBJECTS:
        seen += 1
        item, scale, depth = stack.pop()
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_PATH:
            content.segments += max(0, raw.FPDFPath_CountSegments(item))
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            covered += scale * _area(item)
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            inner = scale * _magnification(item)
            stack.extend(
                (raw.FPDFFormObj_GetObject(item, index), inner, depth + 1)
                for index in range(min(raw.FPDFFormObj_CountObjects(item), _MAX_OBJECTS))
            )
    content.image_coverage = min(1.0, covered / area) if area > 0 else 0.0
    return content


def _area(item: Any) -> float:
    """The area of an object's bounding box, in the units of its container."""
    import pypdfium2.raw as raw

    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(item, *(ctypes.byref(side) for side in sides)):
        return 0.0
    left, bottom, right, top = (side.value for side in sides)
    return abs(right - left) * abs(top - bottom)


def _magnification(item: Any) -> float:
    """By how much a form XObject's matrix enlarges areas."""
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, ctypes.byref(matrix)):
        return 1.0
    return abs(float(matrix.a * matrix.d - matrix.b * matrix.c))
