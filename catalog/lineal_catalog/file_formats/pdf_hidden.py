"""Whether a PDF page may have text that nobody sees: in white or without any colour, invisible
where no picture shows what it says, or under something that is painted over it.

Whether it is seen after all (white on a dark ground) is said by the page as it is drawn.
"""

from __future__ import annotations

from ctypes import byref, c_int, c_uint
from typing import Any

from lineal_catalog.file_formats.pdf_objects import Box, PageObject, bounds_of, walk_page_objects

_WHITE = 245
_CLEAR = 12
"""Of 255, below which nothing is seen of what is painted."""
_MAX_COVERS = 64
"""Filled paths that are looked at for what is under them; a page with more is a drawing."""
_SMALLEST_COVER = 4.0
"""Points across and down."""


def may_hide_text(page: Any) -> bool:
    """Whether a loaded page (an ``FPDF_PAGE``) may have text that is not seen."""
    import pypdfium2.raw as raw

    covers: list[Box] = []
    pictures = invisible = False
    # From what is painted last to what is painted first.
    for item in walk_page_objects(page):
        if item.kind == raw.FPDF_PAGEOBJ_PATH:
            if len(covers) < _MAX_COVERS and (box := _cover(item)) is not None:
                covers.append(box)
        elif item.kind == raw.FPDF_PAGEOBJ_IMAGE:
            pictures = True
        elif item.kind == raw.FPDF_PAGEOBJ_TEXT:
            mode = raw.FPDFTextObj_GetTextRenderMode(item.handle)
            if mode == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
                invisible = True
            elif _is_pale(item.handle) or (covers and _is_covered(item, covers)):
                return True
    return invisible and not pictures


def _is_pale(handle: Any) -> bool:
    colour = _fill(handle)
    return colour is not None and (min(colour[:3]) >= _WHITE or colour[3] < _CLEAR)


def _fill(handle: Any) -> tuple[int, int, int, int] | None:
    import pypdfium2.raw as raw

    red, green, blue, alpha = parts = [c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(handle, *map(byref, parts)):
        return None
    return red.value, green.value, blue.value, alpha.value


def _cover(item: PageObject) -> Box | None:
    """The box of a path that is filled so that nothing is seen through it, where it is a
    rectangle."""
    import pypdfium2.raw as raw

    mode, stroke = c_int(), c_int()
    if not raw.FPDFPath_GetDrawMode(item.handle, byref(mode), byref(stroke)) or not mode.value:
        return None
    if not 4 <= raw.FPDFPath_CountSegments(item.handle) <= 6:
        return None
    colour, box = _fill(item.handle), bounds_of(item.handle)
    if colour is None or colour[3] < 255 - _CLEAR or box is None:
        return None
    left, bottom, right, top = item.around.box(*box)
    if min(right - left, top - bottom) < _SMALLEST_COVER:
        return None
    return left, bottom, right, top


def _is_covered(item: PageObject, covers: list[Box]) -> bool:
    box = bounds_of(item.handle)
    if box is None:
        return False
    left, bottom, right, top = item.around.box(*box)
    y = (bottom + top) / 2
    return any(c[1] <= y <= c[3] and c[0] < right and left < c[2] for c in covers)
