"""Finds the images that a PDF page shows: their places and sizes in pixels."""

from __future__ import annotations

from ctypes import byref, c_uint, create_string_buffer
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal_catalog.file_formats.jpeg import JPEG_END, is_complete_jpeg
from lineal_catalog.file_formats.pdf_objects import matrix_of, walk_page_objects
from lineal_consumers.ocr.page_geometry import seen_from_user_space

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

    Gray = npt.NDArray[np.uint8]

_TAIL = 4096
"""Bytes at the end of a JPEG among which its end marker is."""
_WHITE = 250
"""Gray from which nothing is drawn on paper."""
_BITS = {"CCITTFaxDecode": 1, "JBIG2Decode": 1, "JPXDecode": 48}
"""Of a pixel while it is decoded; JPEG 2000 is decoded into integers, all colours at once."""


class Region(NamedTuple):
    """A part of a page in points as seen."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a point is within it, or at most ``margin`` points outside."""
        return (
            self.left - margin <= x <= self.right + margin
            and self.top - margin <= y <= self.bottom + margin
        )

    def overlaps(self, other: Region) -> bool:
        """Whether they have something in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class PageImage(NamedTuple):
    """An image where the page shows it."""

    region: Region
    width: int
    """In pixels, as ``height``."""
    height: int
    bits: int
    """Of a pixel, at least."""

    @property
    def bytes(self) -> int:
        """At least so many when it is decoded."""
        return self.width * self.height * self.bits // 8


def find_page_images(page: pdfium.PdfPage) -> list[PageImage]:
    """The images of a page and of the forms on it, none of them decoded."""
    import pypdfium2.raw as raw

    seen = seen_from_user_space(page)
    found: list[PageImage] = []
    for item in walk_page_objects(page.raw):
        if item.kind != raw.FPDF_PAGEOBJ_IMAGE:
            continue
        placed = seen.after(item.around).after(matrix_of(item.handle))
        across, down = c_uint(), c_uint()
        raw.FPDFImageObj_GetImagePixelSize(item.handle, byref(across), byref(down))
        bits = _BITS.get(_filter(item.handle), 8)
        # An image fills the unit square of its own space.
        region = Region(*placed.box(0, 0, 1, 1))
        found.append(PageImage(region, across.value, down.value, bits))
    return found


def find_damaged_images(page: pdfium.PdfPage, gray: Gray) -> list[Region]:
    """The images of a page that cannot be decoded, of which nothing is drawn, and JPEGs of which
    the end is missing, which viewers fill with gray.

    Args:
        gray: the page as it is drawn. Only images of which nothing is seen are decoded once more.
    """
    import pypdfium2.raw as raw

    seen = seen_from_user_space(page)
    pixels = gray.shape[1] / page.get_width()
    found: list[Region] = []
    for item in walk_page_objects(page.raw):
        if item.kind != raw.FPDF_PAGEOBJ_IMAGE:
            continue
        region = Region(*seen.after(item.around).after(matrix_of(item.handle)).box(0, 0, 1, 1))
        if _filter(item.handle) == "DCTDecode" and _is_cut_off(item.handle):
            found.append(region)
            continue
        left, top, right, bottom = (max(0, int(side * pixels)) for side in region)
        drawn = gray[top : bottom + 1, left : right + 1]
        if not drawn.size or int(drawn.min()) < _WHITE:
            continue
        bitmap = raw.FPDFImageObj_GetBitmap(item.handle)
        if bitmap:
            raw.FPDFBitmap_Destroy(bitmap)
        else:
            found.append(region)
    return found


def _is_cut_off(item: Any) -> bool:
    import pypdfium2.raw as raw

    size = raw.FPDFImageObj_GetImageDataRaw(item, None, 0)
    data = create_string_buffer(size)
    raw.FPDFImageObj_GetImageDataRaw(item, data, size)
    return JPEG_END not in data.raw[-_TAIL:] and not is_complete_jpeg(data.raw)


def _filter(item: Any) -> str:
    """The outermost encoding. How many bits a pixel has PDFium says only of what it has decoded."""
    import pypdfium2.raw as raw

    name = create_string_buffer(32)
    raw.FPDFImageObj_GetImageFilter(item, 0, name, len(name))
    return name.value.decode("ascii", "replace")
