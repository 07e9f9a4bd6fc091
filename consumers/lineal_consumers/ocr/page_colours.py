"""The colours of a PDF page, for letters that its brightness does not show."""

from __future__ import annotations

import math
from ctypes import byref, c_uint
from typing import TYPE_CHECKING, Any

from lineal_catalog.file_formats.pdf_objects import walk_page_objects
from lineal_consumers.ocr.colour_contrast import find_colour_letters, show_by_colour, view_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

    Gray = npt.NDArray[np.uint8]
    Colours = npt.NDArray[np.uint8]

_GRAY_BITS = (1, 8)
"""Of a pixel of an image that is black and white, or gray."""
_SHADE = 16
"""How far apart red, green and blue of a gray may be."""


def show_page_colours(
    page: pdfium.PdfPage, gray: Gray, draw: Callable[[tuple[int, int]], Colours]
) -> None:
    """Make letters dark in the gray picture of a page that differ from their ground by colour
    alone.

    Args:
        gray: the page, or some rows of it; is changed.
        draw: draws the same in colour at a size in pixels.

    Raises:
        TimeoutError: drawing it takes too long.
    """
    if not _may_show_colours(page):
        return
    height, width = gray.shape
    scale = view_scale(width, height, 72 * width / page.get_size()[0])
    size = max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))
    places = find_colour_letters(draw(size))
    if not places:
        return
    pixels = draw((width, height))

    def colours(box: tuple[int, int, int, int]) -> Colours:
        left, top, right, bottom = box
        return pixels[top:bottom, left:right]

    show_by_colour(gray, places, colours)


def _may_show_colours(page: pdfium.PdfPage) -> bool:
    """Whether anything on a page that was drawn is of another colour than gray."""
    return any(_is_coloured(item.handle, item.kind, page) for item in walk_page_objects(page.raw))


def _is_coloured(item: Any, kind: int, page: pdfium.PdfPage) -> bool:
    import pypdfium2.raw as raw

    if kind == raw.FPDF_PAGEOBJ_IMAGE:
        about = raw.FPDF_IMAGEOBJ_METADATA()
        known = raw.FPDFImageObj_GetImageMetadata(item, page, about)
        return not known or about.bits_per_pixel not in _GRAY_BITS
    if kind not in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_TEXT):
        return True
    parts = tuple(c_uint() for _ in range(4))
    for of in (raw.FPDFPageObj_GetFillColor, raw.FPDFPageObj_GetStrokeColor):
        if of(item, *(byref(part) for part in parts)):
            shades = [part.value for part in parts[:3]]
            if max(shades) - min(shades) > _SHADE:
                return True
    return False
