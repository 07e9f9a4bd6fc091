"""What a PDF page without much text shows: how much of it is images, how much is drawn."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

_MAX_OBJECTS = 5_000
"""Objects a page that are looked at; a page with more is a drawing in any case."""
_DEEPEST = 4
_MAX_COMPARISONS = 20_000_000
"""Text objects times characters up to which each is asked for its text: PDFium looks through all
characters each time."""
_SPECK = 3.0
"""Points; a smaller text object is a blank."""


@dataclass(slots=True)
class PageContent:
    """Signs of what a page shows."""

    image_coverage: float = 0.0
    """Sum of the images' bounding boxes over the page's area, at most 1."""
    segments: int = 0
    """Lines and curves in all paths."""
    unread_text: int = 0
    """Text objects of which the text layer has no character, though they are drawn."""


def look_at(page: Any, layer: Any) -> PageContent:
    """Measure a loaded page (an ``FPDF_PAGE``) and its text layer (an ``FPDF_TEXTPAGE``, or None),
    form XObjects included."""
    import pypdfium2.raw as raw

    area = raw.FPDF_GetPageWidthF(page) * raw.FPDF_GetPageHeightF(page)
    content = PageContent()
    seen = 0
    characters = raw.FPDFText_CountChars(layer) if layer else 0
    comparable = raw.FPDFPage_CountObjects(page) * characters <= _MAX_COMPARISONS
    covered = 0.0
    stack: list[tuple[Any, float, int]] = [
        (raw.FPDFPage_GetObject(page, index), 1.0, 0)
        for index in range(min(raw.FPDFPage_CountObjects(page), _MAX_OBJECTS))
    ]
    while stack and seen < _MAX_OBJECTS:
        seen += 1
        item, scale, depth = stack.pop()
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            if depth == 0 and comparable:
                content.unread_text += _unread(item, page, layer)
        elif kind == raw.FPDF_PAGEOBJ_PATH:
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


def _unread(item: Any, page: Any, layer: Any) -> bool:
    """Whether a text object is on the page and none of its characters is in the text layer; one
    drawn twice, for bold print, is there once."""
    import pypdfium2.raw as raw

    if not layer:
        return True
    if raw.FPDFTextObj_GetText(item, layer, None, 0) > 2:
        return False
    if raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
        return False
    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(item, *(ctypes.byref(side) for side in sides)):
        return False
    left, bottom, right, top = (side.value for side in sides)
    if max(right - left, top - bottom) < _SPECK:
        return False
    if right < 0 or top < 0 or left > raw.FPDF_GetPageWidthF(page):
        return False
    x, y = (left + right) / 2, (bottom + top) / 2
    return bool(raw.FPDFText_GetCharIndexAtPos(layer, x, y, _SPECK, _SPECK) < 0)


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
