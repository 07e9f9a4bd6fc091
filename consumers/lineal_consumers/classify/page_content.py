"""What a PDF page without much text shows: how much of it is images, how much is drawn."""

from __future__ import annotations

from ctypes import byref, c_uint
from dataclasses import dataclass
from typing import Any

from lineal_catalog.file_formats.pdf_hidden import may_hide_text
from lineal_catalog.file_formats.pdf_objects import (
    PageObject,
    bounds_of,
    matrix_of,
    unread_text,
    walk_page_objects,
)
from lineal_catalog.file_formats.pdf_outlines import find_outlined_text

_MAX_COMPARISONS = 20_000_000
"""Text objects times characters up to which each is asked for its text: PDFium looks through all
characters each time."""

_LINE_POINTS = 7.0
"""Height of an image from which a line of text has room in it."""
_LINE_SHAPE = 2.5
"""How many times as long as high a line of text is at least."""
_LINE_PIXELS = 24
"""Height of letters that can be read, and what is around them."""
_MAX_ANNOTATIONS = 1_000
_MAX_DRAWN = 100
"""Objects of an annotation that are looked at."""


@dataclass(slots=True)
class PageContent:
    """Signs of what a page shows."""

    image_coverage: float = 0.0
    """Sum of the images' bounding boxes over the page's area, at most 1."""
    line_images: int = 0
    """Images of the shape of a line of text, with the pixels for one."""
    segments: int = 0
    """Lines and curves in all paths."""
    unread_text: int = 0
    """Text objects of which the text layer has no character, though they are drawn."""
    outlined_text: int = 0
    """Rows of letters that are drawn as curves."""
    hidden_text: bool = False
    """Whether it may have text that is not seen."""
    patterned_text: bool = False
    """Whether it is painted with patterns that may show text."""


def look_at(page: Any, layer: Any) -> PageContent:
    """Measure a loaded page (an ``FPDF_PAGE``) and its text layer (an ``FPDF_TEXTPAGE``, or None),
    form XObjects included."""
    import pypdfium2.raw as raw

    area = raw.FPDF_GetPageWidthF(page) * raw.FPDF_GetPageHeightF(page)
    content = PageContent()
    characters = raw.FPDFText_CountChars(layer) if layer else 0
    comparable = raw.FPDFPage_CountObjects(page) * characters <= _MAX_COMPARISONS
    covered = 0.0
    for item in walk_page_objects(page):
        if item.kind == raw.FPDF_PAGEOBJ_TEXT:
            if comparable:
                unread = not layer or unread_text(item, page, layer) is not None
                content.unread_text += unread
        elif item.kind == raw.FPDF_PAGEOBJ_PATH:
            content.segments += max(0, raw.FPDFPath_CountSegments(item.handle))
        elif item.kind == raw.FPDF_PAGEOBJ_IMAGE:
            covered += _area(item)
            content.line_images += _may_be_line(item)
    content.hidden_text = bool(characters) and may_hide_text(page)
    covered += _annotated_area(page)
    content.image_coverage = min(1.0, covered / area) if area > 0 else 0.0
    if content.segments:
        content.outlined_text = len(find_outlined_text(page))
    return content


def _annotated_area(page: Any) -> float:
    """The area of the annotations that may show an image: a stamp, a signature."""
    import pypdfium2.raw as raw

    shown = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
    area = 0.0
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind not in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP) and any(
            raw.FPDFPageObj_GetType(raw.FPDFAnnot_GetObject(annotation, number)) in shown
            for number in range(min(raw.FPDFAnnot_GetObjectCount(annotation), _MAX_DRAWN))
        ):
            rect = raw.FS_RECTF()
            raw.FPDFAnnot_GetRect(annotation, rect)
            area += abs(rect.right - rect.left) * abs(rect.top - rect.bottom)
        raw.FPDFPage_CloseAnnot(annotation)
    return area


def _may_be_line(item: PageObject) -> bool:
    """Whether an image has room for a line of text, and the pixels: it may be a number that was
    pasted in, and is no icon or rule."""
    import pypdfium2.raw as raw

    left, bottom, right, top = item.around.after(matrix_of(item.handle)).box(0, 0, 1, 1)
    across, down = right - left, top - bottom
    if min(across, down) < _LINE_POINTS or max(across, down) < _LINE_SHAPE * min(across, down):
        return False
    width, height = c_uint(), c_uint()
    raw.FPDFImageObj_GetImagePixelSize(item.handle, byref(width), byref(height))
    return min(width.value, height.value) >= _LINE_PIXELS


def _area(item: PageObject) -> float:
    """The area of an object's bounding box, in square points."""
    box = bounds_of(item.handle)
    if box is None:
        return 0.0
    left, bottom, right, top = box
    magnification = abs(item.around.a * item.around.d - item.around.b * item.around.c)
    return abs(right - left) * abs(top - bottom) * magnification
