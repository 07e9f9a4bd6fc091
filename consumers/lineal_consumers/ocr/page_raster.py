"""A page as an image to recognise: rendered from a PDF, or decoded from an image file."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineal.stages import Reject
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.image_files import gray_pixels, open_frame, pixel_density
from lineal_consumers.ocr.page_colours import show_page_colours
from lineal_consumers.ocr.page_images import find_page_images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

_SHARPEST_GAIN = 2.5
"""Rendering far above the resolution of the one image a page consists of adds only pixels."""
_MAX_SECONDS = 2.5
"""Of processor time, for drawing one page."""
_MAX_SIDE = 30_000
"""Pixels of a rendered page's longer side."""
_SMALL_PAGE = 288.0
"""Points of a page's longer side under which it has few pixels at the resolution of recognition."""
_FEW_OBJECTS = 16
_BAND_PIXELS = 500_000_000
"""Pixels of a page's largest image for each band that it is drawn in."""
_MAX_BANDS = 3
_PAGE_PIXELS = 1200
"""Pixels of an image's longer side from which it may be a page of text."""


@dataclass(slots=True)
class Raster:
    """A gray page image and what it measures on paper."""

    gray: npt.NDArray[np.uint8]
    dpi: int
    width: float
    """Width of the page in points."""
    height: float


def render_page(page: pdfium.PdfPage, config: OcrConfig) -> Raster:
    """Render a PDF page as a viewer shows it.

    Raises:
        TimeoutError: drawing it takes too long.
    """
    import numpy as np
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    width, height = page.get_size()
    unit, dpi = _paper(page, config.dpi)
    area = width * height * unit * unit / 72 / 72
    if area * dpi * dpi > config.max_pixels:
        dpi = max(1, math.isqrt(int(config.max_pixels / area)))
    scale = dpi * unit / 72
    # What is thin enough would else have a side of millions of pixels.
    scale = min(scale, _MAX_SIDE / max(width, height))
    size = max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))
    bitmap = pdfium.PdfBitmap.new_native(*size, raw.FPDFBitmap_Gray)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        draw(page, bitmap, size)
        gray = np.array(bitmap.to_numpy(), dtype=np.uint8)
    finally:
        bitmap.close()
    gray = gray.reshape(gray.shape[:2])
    show_page_colours(page, gray, lambda size: _in_colour(page, size))
    return Raster(gray, dpi, width, height)


def _in_colour(page: pdfium.PdfPage, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The page in red, green and blue, drawn at this size in pixels."""
    import numpy as np
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    bitmap = pdfium.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGR)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        draw(page, bitmap, size, gray=False)
        return np.ascontiguousarray(bitmap.to_numpy()[..., 2::-1], dtype=np.uint8)
    finally:
        bitmap.close()


def draw(
    page: pdfium.PdfPage,
    bitmap: pdfium.PdfBitmap,
    size: tuple[int, int],
    *,
    quarters: int = 0,
    gray: bool = True,
    band_pixels: int = _BAND_PIXELS,
) -> None:
    """Draw piece by piece, so that a page of endless lines can be left half drawn; a page with a
    very large image band by band, since PDFium first brings all of its rows that are to be seen to
    the width of the bitmap.

    Args:
        quarters: turns of 90 degrees clockwise.
        band_pixels: pixels of the page's largest image for each band.

    Raises:
        TimeoutError: it takes too long.
    """
    import pypdfium2.raw as raw

    until = time.process_time() + _MAX_SECONDS

    def late(_pause: object) -> int:
        return int(time.process_time() > until)

    pause = raw.IFSDK_PAUSE(version=1, user=None)
    callback = type(pause.NeedToPauseNow)(late)
    pause.NeedToPauseNow = callback
    flags = raw.FPDF_ANNOT | (raw.FPDF_GRAYSCALE if gray else 0)
    rows = -(-size[1] // _bands(page, band_pixels))
    for top in range(0, size[1], rows):
        with _band(bitmap, top, min(rows, size[1] - top)) as band:
            status = raw.FPDF_RenderPageBitmap_Start(
                band, page, 0, -top, *size, quarters, flags, pause
            )
            raw.FPDF_RenderPage_Close(page)
        if status == raw.FPDF_RENDER_TOBECONTINUED:
            raise TimeoutError("drawing the page takes too long")


def _bands(page: pdfium.PdfPage, band_pixels: int) -> int:
    """In how many bands a page is drawn: each costs a walk over all that is on it."""
    import pypdfium2.raw as raw

    if raw.FPDFPage_CountObjects(page) > _FEW_OBJECTS:
        return 1
    largest = max((image.width * image.height for image in find_page_images(page)), default=0)
    return min(_MAX_BANDS, 1 + largest // band_pixels)


@contextmanager
def _band(bitmap: pdfium.PdfBitmap, top: int, rows: int) -> Iterator[Any]:
    """Some rows of a bitmap, as one that shares its memory."""
    import pypdfium2.raw as raw

    first = ctypes.addressof(bitmap.buffer) + top * bitmap.stride
    band = raw.FPDFBitmap_CreateEx(
        bitmap.width, rows, bitmap.format, ctypes.c_void_p(first), bitmap.stride
    )
    try:
        yield band
    finally:
        raw.FPDFBitmap_Destroy(band)


def _paper(page: pdfium.PdfPage, dpi: int) -> tuple[float, int]:
    """How many times larger the paper is than PDFium, which knows no /UserUnit, says; and the
    resolution that shows all of the one image a page consists of."""
    import pypdfium2.raw as raw

    if raw.FPDFPage_CountObjects(page) != 1:
        return 1.0, dpi
    item = next(iter(page.get_objects(max_depth=1)), None)
    if item is None or item.type != raw.FPDF_PAGEOBJ_IMAGE:
        return 1.0, dpi
    left, bottom, right, top = item.get_bounds()
    across, down = item.get_px_size()
    if right - left <= 0 or top - bottom <= 0:
        return 1.0, dpi
    native = 72 * max(across, down) / max(right - left, top - bottom)
    if max(page.get_size()) < _SMALL_PAGE and max(across, down) > _PAGE_PIXELS:
        return native / dpi, dpi
    return 1.0, int(min(dpi, max(dpi / 2, _SHARPEST_GAIN * native)))


def decode_frame(path: str, number: int, config: OcrConfig) -> Raster:
    """Frame ``number`` (from 1) of an image file, upright as its EXIF orientation says, scaled to
    square pixels and to the resolution of recognition where it is much coarser.

    Raises:
        Reject: it cannot be decoded, or is larger than the limit.
    """
    import cv2
    import numpy as np

    with open_frame(path, number) as image:
        if image.width * image.height > config.max_image_pixels:
            raise Reject("the image has more pixels than are allowed")
        density = pixel_density(image)
        across, down = density.across, density.down
        points = 72 * image.width / across, 72 * image.height / down
        try:
            gray = gray_pixels(image, config.max_pixels)
        except (OSError, ValueError, SyntaxError, MemoryError) as error:
            raise Reject("the image cannot be decoded") from error
    if density.turned:
        across, down, points = down, across, points[::-1]
    target = max(across, down)
    if target < 0.7 * config.dpi:
        target = min(config.dpi, 3 * target)
    area = points[0] * points[1] / 72 / 72
    target = min(target, math.sqrt(config.max_pixels / area))
    # It may have been decoded at a fraction of its size.
    height, width = gray.shape
    across, down = 72 * width / points[0], 72 * height / points[1]
    if abs(target / across - 1) > 0.01 or abs(target / down - 1) > 0.01:
        shrinking = target < max(across, down)
        gray = np.asarray(
            cv2.resize(
                gray,
                (max(1, round(points[0] / 72 * target)), max(1, round(points[1] / 72 * target))),
                interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC,
            ),
            np.uint8,
        )
    return Raster(gray, max(1, round(target)), *points)
