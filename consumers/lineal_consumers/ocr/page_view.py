"""Draws pages for people: in colour, upright, at the width that is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lineal.stages import Reject
from lineal_catalog.pages.renderers import PageRenderer, PageView, RenderedPage, size_within

if TYPE_CHECKING:
    from PIL import Image

_MAX_IMAGE_PIXELS = 250_000_000
"""Of a picture that is decoded, as for its recognition."""
_WEBP_QUALITY = 80
_PNG_LEVEL = 4


def render_view(path: str, kind: str, view: PageView) -> RenderedPage:
    """Draw a page of a PDF or a frame of an image.

    Raises:
        Reject: it cannot be drawn; says why.
    """
    shown = draw_view(path, kind, view)
    out = io.BytesIO()
    if view.format == "webp":
        shown.save(out, format="WEBP", quality=_WEBP_QUALITY, method=2)
    else:
        shown.save(out, format="PNG", compress_level=_PNG_LEVEL)
    return RenderedPage(out.getvalue(), *shown.size)


def draw_view(path: str, kind: str, view: PageView) -> Image.Image:
    """A page of a PDF or a frame of an image, as pixels.

    Raises:
        Reject: it cannot be drawn; says why.
    """
    return _pdf_page(path, view) if kind == "pdf" else _frame(path, view)


def _pdf_page(path: str, view: PageView) -> Image.Image:
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw
    from PIL import Image

    from lineal_consumers.ocr.flat_page import open_flat_page
    from lineal_consumers.ocr.page_raster import draw

    try:
        with open_flat_page(path, view.page) as (page, *_):
            across, down = page.get_size()
            if view.rotation % 180:
                across, down = down, across
            if min(across, down) <= 0:
                raise Reject("the page has no area")
            size = size_within(across, down, view)
            bitmap = pdfium.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx)
            try:
                bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
                draw(page, bitmap, size, quarters=view.rotation // 90, gray=False)
                pixels = bytes(bitmap.buffer)
                return _thrifty(
                    Image.frombuffer("RGB", size, pixels, "raw", "BGRX", bitmap.stride, 1)
                )
            finally:
                bitmap.close()
    except TimeoutError as error:
        raise Reject(str(error)) from error
    except (pdfium.PdfiumError, ZeroDivisionError, IndexError) as error:
        raise Reject("the page is broken and cannot be drawn") from error


def _thrifty(image: Image.Image) -> Image.Image:
    """A page without colours in gray, which takes a third."""
    import numpy as np

    pixels = np.asarray(image)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return image.getchannel(0)
    return image


def _frame(path: str, view: PageView) -> Image.Image:
    from PIL import Image, ImageOps

    from lineal_consumers.ocr.image_files import as_gray, on_paper, open_frame, orientation

    with open_frame(path, view.page) as image:
        if image.width * image.height > _MAX_IMAGE_PIXELS:
            raise Reject("the image has more pixels than are allowed")
        try:
            if image.format == "JPEG":
                # Decoded at a half, a quarter or an eighth: never less than what is asked for.
                image.draft(None, (view.width, view.width))
            shown: Image.Image = image
            if orientation(image) != 1:
                shown = ImageOps.exif_transpose(image)
            if shown.mode.startswith("I;16") or shown.mode in ("I", "F", "LAB"):
                shown = as_gray(shown)
            elif shown.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in shown.info:
                shown = on_paper(shown)
            elif shown.mode not in ("L", "RGB"):
                shown = shown.convert("L" if shown.mode == "1" else "RGB")
            if view.rotation:
                shown = shown.transpose(Image.Transpose[_TURNS[view.rotation]])
            width, height = size_within(*shown.size, view)
            if width < shown.width:
                shown = shown.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
            shown.load()
        except (OSError, ValueError, SyntaxError, MemoryError, EOFError) as error:
            raise Reject("the image cannot be decoded") from error
    return shown


_TURNS = {90: "ROTATE_270", 180: "ROTATE_180", 270: "ROTATE_90"}
"""Pillow's names of clockwise turns: it counts the other way round."""

RENDERER = PageRenderer(frozenset({"pdf", "image"}), render_view)
