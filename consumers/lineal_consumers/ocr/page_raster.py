"""A page as an image to recognise: rendered from a PDF, or decoded from an image file."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.stages import Reject
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.image_files import gray_pixels, open_frame, pixel_density
from lineal_consumers.ocr.page_colours import show_page_colours
from lineal_consumers.ocr.page_images import find_page_images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

    Gray = npt.NDArray[np.uint8]

_SHARPEST_GAIN = 2.5
"""Rendering far above the resolution of the one image a page consists of adds only pixels."""
_MAX_SECONDS = 2.5
"""Of processor time, for drawing one page."""
MAX_SIDE = 30_000
"""Pixels of a rendered page's longer side."""
_COARSE_DPI = 200
"""Below it small letters are read worse."""
MIN_DPI = 150
"""Below it they are lost: 8 points are 12 pixels there."""
_MORE = 1.1
"""Of a resolution, from which another one gains something."""
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

    gray: Gray
    dpi: int
    width: float
    """Width of the page in points."""
    height: float
    bands: Bands | None = None
    """Of a page that is too large to be recognised at once in the resolution that it should be."""
    coarse: bool = False
    """Whether letters may be lost at this resolution, and none is better."""


@dataclass(frozen=True, slots=True)
class Bands:
    """A page in bands, each in the resolution that is too much for all of it."""

    dpi: int
    draw: Callable[[float, float], Raster]
    """Draws what is between two heights, in points from the top. Raises TimeoutError."""


def render_page(page: pdfium.PdfPage, config: OcrConfig) -> Raster:
    """Render a PDF page as a viewer shows it.

    Raises:
        TimeoutError: drawing it takes too long.
    """
    width, height = page.get_size()
    paper = _paper(page, config.dpi)
    unit = paper.unit
    scales = Scales.of(paper.dpi, width * unit, height * unit, config)
    if paper.native < scales.whole:
        scales = scales._replace(band=scales.whole, coarse=False)
    raster = _render_rows(page, scales.whole, unit, 0, height)
    raster.coarse = scales.coarse
    if scales.band > scales.whole:
        raster.bands = Bands(
            scales.band,
            lambda top, bottom: _render_rows(page, scales.band, unit, top, bottom),
        )
    return raster


class Scales(NamedTuple):
    """Resolutions in dpi at which a page is recognised at once, and in bands."""

    whole: int
    band: int
    coarse: bool
    """Whether letters may be lost, as even bands would have too many pixels."""

    @classmethod
    def of(cls, dpi: float, width: float, height: float, config: OcrConfig) -> Scales:
        """Those of a page of a size in points that should be recognised at ``dpi``."""
        area = max(width * height / 72 / 72, 1e-6)
        # A side has an end too; what is thin enough would else have one of millions of pixels.
        whole = min(dpi, math.sqrt(config.max_pixels / area), 72 * MAX_SIDE / max(width, height))
        band = min(dpi, math.sqrt(config.max_bands * config.max_pixels / area))
        band = min(band, 72 * MAX_SIDE / width)
        helps = whole < _COARSE_DPI and band > _MORE * whole
        in_bands = helps and band >= MIN_DPI
        coarse = whole < MIN_DPI and dpi > _MORE * whole and not in_bands
        least = max(1, int(whole))
        return cls(least, int(band) if in_bands else least, coarse)


def _render_rows(page: pdfium.PdfPage, dpi: int, unit: float, top: float, bottom: float) -> Raster:
    """What is between two heights of a page, in points from the top."""
    import numpy as np
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    width, height = page.get_size()
    scale = dpi * unit / 72
    scale = min(scale, MAX_SIDE / width)
    size = max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))
    first = math.floor(top * scale)
    rows = max(1, min(size[1], math.ceil(bottom * scale)) - first)
    bitmap = pdfium.PdfBitmap.new_native(size[0], rows, raw.FPDFBitmap_Gray)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, size[0], rows)
        draw(page, bitmap, size, first=first)
        gray = np.array(bitmap.to_numpy(), dtype=np.uint8)
    finally:
        bitmap.close()
    gray = gray.reshape(gray.shape[:2])
    show_page_colours(page, gray, lambda seen: _in_colour(page, seen, first, rows, size[1]))
    return Raster(gray, dpi, width, height if rows == size[1] else rows / scale)


def _in_colour(
    page: pdfium.PdfPage, size: tuple[int, int], first: int, rows: int, height: int
) -> npt.NDArray[np.uint8]:
    """So many ``rows`` of the page, which has ``height`` of them, in red, green and blue, drawn at
    this size in pixels."""
    import numpy as np
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    scale = size[1] / rows
    whole = size[0], max(size[1], round(height * scale))
    bitmap = pdfium.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGR)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        draw(page, bitmap, whole, first=round(first * scale), gray=False)
        return np.ascontiguousarray(bitmap.to_numpy()[..., 2::-1], dtype=np.uint8)
    finally:
        bitmap.close()


def draw(
    page: pdfium.PdfPage,
    bitmap: pdfium.PdfBitmap,
    size: tuple[int, int],
    *,
    quarters: int = 0,
    first: int = 0,
    gray: bool = True,
    band_pixels: int = _BAND_PIXELS,
) -> None:
    """Draw piece by piece, so that a page of endless lines can be left half drawn; a page with a
    very large image band by band, since PDFium first brings all of its rows that are to be seen to
    the width of the bitmap.

    Args:
        size: of the whole page in pixels; the bitmap may hold fewer rows of it.
        quarters: turns of 90 degrees clockwise.
        first: the row of the page with which the bitmap begins.
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
    rows = -(-bitmap.height // _bands(page, band_pixels))
    for top in range(0, bitmap.height, rows):
        with _band(bitmap, top, min(rows, bitmap.height - top)) as band:
            status = raw.FPDF_RenderPageBitmap_Start(
                band, page, 0, -first - top, *size, quarters, flags, pause
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


class _Paper(NamedTuple):
    unit: float
    """How many times larger the paper is than PDFium, which knows no /UserUnit, says."""
    dpi: int
    """Resolution that shows all of the one image a page consists of."""
    native: float = math.inf
    """Of that image."""


def _paper(page: pdfium.PdfPage, dpi: int) -> _Paper:
    import pypdfium2.raw as raw

    if raw.FPDFPage_CountObjects(page) != 1:
        return _Paper(1.0, dpi)
    item = next(iter(page.get_objects(max_depth=1)), None)
    if item is None or item.type != raw.FPDF_PAGEOBJ_IMAGE:
        return _Paper(1.0, dpi)
    left, bottom, right, top = item.get_bounds()
    across, down = item.get_px_size()
    if right - left <= 0 or top - bottom <= 0:
        return _Paper(1.0, dpi)
    native = 72 * max(across, down) / max(right - left, top - bottom)
    if max(page.get_size()) < _SMALL_PAGE and max(across, down) > _PAGE_PIXELS:
        return _Paper(native / dpi, dpi)
    return _Paper(1.0, int(min(dpi, max(dpi / 2, _SHARPEST_GAIN * native))), native)


def decode_frame(path: str, number: int, config: OcrConfig) -> Raster:
    """Frame ``number`` (from 1) of an image file, upright as its EXIF orientation says, scaled to
    square pixels and to the resolution of recognition where it is much coarser.

    Raises:
        Reject: it cannot be decoded, or is larger than the limit.
    """
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
    scales = Scales.of(target, *points, config)
    whole = _at_resolution(gray, scales.whole if scales.whole < int(target) else target, points)
    whole.coarse = scales.coarse and scales.whole < max(across, down)
    if scales.band > scales.whole:
        whole.bands = Bands(scales.band, partial(_rows_of, gray, scales.band, points))
    return whole


def _rows_of(
    gray: Gray, dpi: float, points: tuple[float, float], top: float, bottom: float
) -> Raster:
    """What is between two heights of an image that measures so many points."""
    pixels = gray.shape[0] / points[1]
    first, last = math.floor(top * pixels), min(gray.shape[0], math.ceil(bottom * pixels))
    rows = gray[first : max(last, first + 1)]
    return _at_resolution(rows, dpi, (points[0], len(rows) / pixels))


def _at_resolution(gray: Gray, dpi: float, points: tuple[float, float]) -> Raster:
    """An image that measures so many points, in square pixels."""
    import cv2
    import numpy as np

    # It may have been decoded at a fraction of its size.
    height, width = gray.shape
    across, down = 72 * width / points[0], 72 * height / points[1]
    if abs(dpi / across - 1) > 0.01 or abs(dpi / down - 1) > 0.01:
        shrinking = dpi < max(across, down)
        gray = np.asarray(
            cv2.resize(
                gray,
                (max(1, round(points[0] / 72 * dpi)), max(1, round(points[1] / 72 * dpi))),
                interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC,
            ),
            np.uint8,
        )
    return Raster(gray, max(1, round(dpi)), *points)
