"""Image files: their frames, how large they are on paper, and their light as 8-bit gray."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.stages import Reject

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "DIB", "JPEG2000")
_HEIF = "HEIF"
_ORIENTATION = 0x0112
_JPEG_END = b"\xff\xd9"
_TAIL = 4096
_VISIBLE = 215
"""Brightness up to which something stands out on white."""
_SCREEN_DPI = (72, 96)
"""Programs write these when they know nothing."""
_LONG_SIDE = 11.0
"""Inches the long side of a page of unknown size is taken to have."""


class Density(NamedTuple):
    """Pixels per inch as stored, and whether the EXIF orientation swaps the sides."""

    across: float
    down: float
    turned: bool


@contextmanager
def open_frame(path: str, number: int) -> Iterator[Image.Image]:
    """Frame ``number`` (from 1) of an image, not yet decoded.

    Raises:
        Reject: the file or this frame cannot be read.
    """
    from PIL import Image

    # The limit on pixels is checked by the caller, from the header and with a clear reason.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(path, formats=_formats())
        if image.format == "JPEG" and not _ended(path):
            image.close()
            image = Image.open(io.BytesIO(jpeg_bytes(path)), formats=("JPEG",))
        if number > 1:
            image.seek(number - 1)
    except (OSError, EOFError, ValueError, SyntaxError) as error:
        raise Reject("the image cannot be decoded") from error
    with image:
        yield image


def _formats() -> tuple[str, ...]:
    """Pillow's readers; that of HEIF comes with the extra ``heif``."""
    try:
        from pi_heif import register_heif_opener  # type: ignore[import-untyped]
    except ImportError:
        return _FORMATS
    register_heif_opener()
    return (*_FORMATS, _HEIF)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it is broken."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError):
        return 1
    return value if value in range(1, 9) else 1


def pixel_density(image: Image.Image) -> Density:
    """The stated density where it gives a believable page, otherwise one that makes the long side
    11 inches (at most 600 dpi, so that a snippet is not blown up)."""
    width, height = image.size
    stated = image.info.get("dpi")
    turned = orientation(image) >= 5
    try:
        across, down = (float(value) for value in stated) if stated else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        across = down = 0.0
    if 40 <= across <= 4800 and 40 <= down <= 4800 and 0.2 <= across / down <= 5:
        longest = max(width / across, height / down)
        unknown = round(across) in _SCREEN_DPI and longest > 14
        if longest <= 200 and not unknown:
            return Density(across, down, turned)
    guess = min(600.0, max(40.0, max(width, height) / _LONG_SIDE))
    return Density(guess, guess, turned)


def as_gray(image: Image.Image) -> Image.Image:
    """The image as 8-bit gray, upright, transparency on white; sixteen bits become eight.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    from PIL import ImageOps

    if image.format == "JPEG":
        image.draft("L", image.size)
    turned = image
    if orientation(image) != 1:
        turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16") or turned.mode in ("I", "F"):
        return _sixteen_bits_as_gray(turned)
    if turned.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in turned.info:
        return on_paper(turned).convert("L")
    return turned.convert("L")


def on_paper(image: Image.Image) -> Image.Image:
    """A transparent image on white; one that shows nothing there, as white letters do, on black
    with light and dark exchanged."""
    from PIL import Image, ImageOps

    coloured = image.convert("RGBA")
    paper = Image.new("RGBA", coloured.size, "white")
    shown = Image.alpha_composite(paper, coloured).convert("RGB")
    darkest, _ = shown.convert("L").getextrema()
    if isinstance(darkest, int) and darkest < _VISIBLE:
        return shown
    paper = Image.new("RGBA", coloured.size, "black")
    return ImageOps.invert(Image.alpha_composite(paper, coloured).convert("RGB"))


def _ended(path: str) -> bool:
    with Path(path).open("rb") as file:
        file.seek(-min(_TAIL, Path(path).stat().st_size), os.SEEK_END)
        return _JPEG_END in file.read()


def jpeg_bytes(path: str) -> bytes:
    """A JPEG file with its end marker, which some cameras and uploads leave out."""
    data = Path(path).read_bytes()
    return data if _ended(path) else data + _JPEG_END


def _sixteen_bits_as_gray(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))
