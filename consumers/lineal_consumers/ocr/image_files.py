"""Image files: their frames, how large they are on paper, and their light as 8-bit gray."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.stages import Reject
from lineal_catalog.file_formats.images import readable_formats
from lineal_consumers.ocr.colour_contrast import Place
from lineal_consumers.ocr.image_colours import (
    find_letters,
    has_colours,
    image_source,
    jpeg_letters,
    pixel_source,
    show_letters,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Gray = npt.NDArray[np.uint8]

_ORIENTATION = 0x0112
_LYING = 5
"""Orientation from which the sides are swapped."""
_JPEG_END = b"\xff\xd9"
_TAIL = 4096
STRIP_PIXELS = 2_000_000
_VISIBLE = 215
"""Brightness up to which something stands out on white."""
_OPAQUE = 128
_STROKE = 15
"""Pixels that a stroke of a letter is wide at most, at the resolutions of screens and scans."""
_LETTERS_SHARE = 0.35
"""Share of a transparent image that letters cover at most."""
_SCREEN_DPI = (72, 96)
"""Programs write these when they know nothing."""
_LONG_SIDE = 11.0
"""Inches the long side of a page of unknown size is taken to have."""
_SHORT_SIDE = 8.5
_STRIP_RATIO = 2.5
"""Of the sides of an image from which it is a strip, if it is taller than a snippet is."""
_STRIP_PIXELS = 3000


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
        image = Image.open(path, formats=readable_formats())
        if image.format == "JPEG" and not _ended(path):
            image.close()
            image = Image.open(io.BytesIO(jpeg_bytes(path)), formats=("JPEG",))
        if number > 1:
            image.seek(number - 1)
        if image.format == "TIFF" and _stated_orientation(image) >= _LYING:
            # Pillow 13.0 maps the file with the size of the upright image, which scrambles it.
            image.filename = ""
    except (OSError, EOFError, ValueError, SyntaxError) as error:
        raise Reject("the image cannot be decoded") from error
    with image:
        yield image


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it is broken, and for TIFF, which
    Pillow turns itself while it decodes; its size is that of the upright image from the start."""
    return 1 if image.format == "TIFF" else _stated_orientation(image)


def _stated_orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError):
        return 1
    return value if value in range(1, 9) else 1


def pixel_density(image: Image.Image) -> Density:
    """The stated density where it gives a believable page, otherwise one that makes the long side
    11 inches (at most 600 dpi, so that a snippet is not blown up), or a long strip as wide as a
    page: what was scrolled down is no page of tiny letters."""
    width, height = image.size
    stated = image.info.get("dpi")
    turned = orientation(image) >= _LYING
    try:
        across, down = (float(value) for value in stated) if stated else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        across = down = 0.0
    if not turned and _stated_orientation(image) >= _LYING:
        across, down = down, across
    if 40 <= across <= 4800 and 40 <= down <= 4800 and 0.2 <= across / down <= 5:
        longest = max(width / across, height / down)
        unknown = round(across) in _SCREEN_DPI and longest > 14
        if longest <= 200 and not unknown:
            return Density(across, down, turned)
    guess = max(width, height) / _LONG_SIDE
    if turned:
        width, height = height, width
    if height > max(_STRIP_RATIO * width, _STRIP_PIXELS):
        guess = width / _SHORT_SIDE
    guess = min(600.0, max(40.0, guess))
    return Density(guess, guess, turned)


def as_gray(image: Image.Image) -> Image.Image:
    """The image as 8-bit gray, upright, transparency on white; sixteen bits become eight.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    from PIL import Image

    return Image.fromarray(gray_pixels(image, image.width * image.height))


def gray_pixels(image: Image.Image, max_pixels: int, *, strip_pixels: int = STRIP_PIXELS) -> Gray:
    """The pixels of an image as :func:`as_gray`; of one with several times more than
    ``max_pixels``, at a whole fraction of its size. Strip by strip: colours and sixteen bits take
    several times the memory of what is kept.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    import cv2
    import numpy as np

    turn = orientation(image)
    factor = max(1, math.isqrt(image.width * image.height // max_pixels))
    wanted = max(1, image.width // factor), max(1, image.height // factor)
    coloured, dpi = has_colours(image.mode), max(pixel_density(image)[:2])
    name = str(getattr(image, "filename", ""))
    apart = image.format == "JPEG" and bool(name)
    if image.format == "JPEG":
        # Decodes at a half, a quarter or an eighth, no smaller than what is wanted.
        image.draft("L" if apart else None, wanted)
    opaque = None
    if image.format == "WEBP" and name and getattr(image, "n_frames", 1) == 1:
        image, opaque = _still_webp(image, name, dpi, strip_pixels)
    image.load()
    if image.mode == "LAB":
        image = image.getchannel("L")
    elif image.mode.startswith("I;16") and image.mode != "I;16":
        image = image.convert("I")  # Pillow takes no other order of bytes apart
    factor = max(1, min(image.width // wanted[0], image.height // wanted[1]))
    width, height = -(-image.width // factor), -(-image.height // factor)
    gray = np.empty((height, width), np.uint8)
    convert = _converter(image, strip_pixels)
    rows = max(1, strip_pixels // image.width // factor) * factor
    for top in range(0, image.height, rows):
        strip = convert(image.crop((0, top, image.width, min(top + rows, image.height))))
        if factor > 1:
            size = width, -(-strip.shape[0] // factor)
            strip = np.asarray(cv2.resize(strip, size, interpolation=cv2.INTER_AREA), np.uint8)
        gray[top // factor : top // factor + strip.shape[0]] = strip
    if coloured and apart:
        show_letters(*jpeg_letters(name, dpi, strip_pixels), gray)
    elif opaque is not None:
        # Its colours are decoded again only for letters that need them.
        if opaque.letters:
            show_letters(opaque.letters, pixel_source(_webp_pixels(name)), gray)
    elif coloured:
        source = image_source(image)
        show_letters(find_letters(source, dpi, strip_pixels), source, gray)
    return _upright(gray, turn)


class _OpaqueWebp(NamedTuple):
    """What a WebP file showed in colour before it became gray."""

    letters: list[Place]


def _still_webp(
    image: Image.Image, name: str, dpi: float, strip_pixels: int
) -> tuple[Image.Image, _OpaqueWebp | None]:
    """The only frame of a WebP file, as gray unless it is transparent. Pillow decodes it as an
    animation, with all its canvases and in four colours: seven times the memory."""
    import cv2
    from PIL import Image

    pixels = _webp_pixels(name)
    if pixels is None or pixels.shape[:2] != (image.height, image.width):
        return image, None
    if pixels.shape[2] == 4:
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels)
        # Over the same memory.
        return Image.frombuffer("RGBA", image.size, pixels, "raw", "RGBA", 0, 1), None
    letters = find_letters(pixel_source(pixels), dpi, strip_pixels)
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return Image.frombuffer("L", image.size, gray, "raw", "L", 0, 1), _OpaqueWebp(letters)


def _webp_pixels(name: str) -> Any:
    import cv2
    import numpy as np

    return cv2.imdecode(np.fromfile(name, np.uint8), cv2.IMREAD_UNCHANGED)


def _converter(image: Image.Image, strip_pixels: int) -> Callable[[Image.Image], Gray]:
    """How strips of an image become gray, which is a matter of all of it."""
    import numpy as np
    from PIL import ImageOps

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        _, brightest = image.getextrema()
        top = 65535.0 if isinstance(brightest, int | float) and brightest > 255 else 255.0

        def reduce_bits(strip: Image.Image) -> Gray:
            values = np.asarray(strip).astype(np.float32)
            made: Gray = np.clip(values * (255 / top), 0, 255).astype(np.uint8)
            return made

        return reduce_bits
    if not _is_transparent(image):
        return lambda strip: np.asarray(strip.convert("L"), np.uint8)
    shown = any(
        _darkest(_laid_on(strip, "white")) < _VISIBLE for strip in _strips(image, strip_pixels)
    )

    def lay_on_paper(strip: Image.Image) -> Gray:
        if not shown:
            return np.asarray(ImageOps.invert(_laid_on(strip, "black")).convert("L"), np.uint8)
        flat = np.array(_laid_on(strip, "white").convert("L"), np.uint8)
        return _with_light_strokes(flat, strip)

    return lay_on_paper


def _with_light_strokes(flat: Gray, image: Image.Image) -> Gray:
    """An image on white, with the light strokes dark that stand on nothing but what is transparent:
    beside dark letters there may be white ones."""
    import cv2
    import numpy as np

    opaque = (np.asarray(image.convert("RGBA").getchannel("A")) >= _OPAQUE).astype(np.uint8)
    if opaque.mean() > _LETTERS_SHARE:
        return flat
    side = np.ones((_STROKE, _STROKE), np.uint8)
    wide = np.asarray(cv2.morphologyEx(opaque, cv2.MORPH_OPEN, side), np.uint8)
    light = (opaque > wide) & (flat >= _VISIBLE)
    return np.where(light, 255 - flat, flat)


def _strips(image: Image.Image, strip_pixels: int) -> Iterator[Image.Image]:
    rows = max(1, strip_pixels // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _laid_on(image: Image.Image, colour: str) -> Image.Image:
    from PIL import Image

    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, colour), coloured).convert("RGB")


def _darkest(image: Image.Image) -> float:
    darkest, _ = image.convert("L").getextrema()
    return darkest if isinstance(darkest, int | float) else 255


def _upright(gray: Gray, turn: int) -> Gray:
    """Pixels as stored, as an EXIF orientation says they are to be seen."""
    import numpy as np

    if turn >= _LYING:
        gray = gray.T
    if turn in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    if turn in (3, 4, 7, 8):
        gray = gray[::-1]
    return np.ascontiguousarray(gray)


def on_paper(image: Image.Image) -> Image.Image:
    """A transparent image on white; one that shows nothing there, as white letters do, on black
    with light and dark exchanged."""
    from PIL import ImageOps

    shown = _laid_on(image, "white")
    if _darkest(shown) < _VISIBLE:
        return shown
    return ImageOps.invert(_laid_on(image, "black"))


def _ended(path: str) -> bool:
    with Path(path).open("rb") as file:
        file.seek(-min(_TAIL, Path(path).stat().st_size), os.SEEK_END)
        return _JPEG_END in file.read()


def jpeg_bytes(path: str) -> bytes:
    """A JPEG file with its end marker, which some cameras and uploads leave out."""
    data = Path(path).read_bytes()
    return data if _ended(path) else data + _JPEG_END
