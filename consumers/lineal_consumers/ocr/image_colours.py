"""The colours of an image file, for letters that its brightness does not show.

An image is decoded as gray. Its colours are looked at on a small view, and in full only where there
are such letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.ocr.colour_contrast import (
    Place,
    find_colour_letters,
    show_by_colour,
    view_scale,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    Gray = npt.NDArray[np.uint8]
    Colours = npt.NDArray[np.uint8]

_COLOURLESS = ("1", "L", "LA", "La", "I", "F")


def has_colours(mode: str) -> bool:
    """Whether images of a mode of Pillow's may have other colours than grays."""
    return mode not in _COLOURLESS and not mode.startswith("I;16")


class Source(NamedTuple):
    """The pixels of an image in colour."""

    width: int
    height: int
    crop: Callable[[tuple[int, int, int, int]], Colours]
    """Gives red, green and blue of a box (left, top, right, bottom)."""


def image_source(image: Image) -> Source:
    """The pixels of an image of Pillow's, decoded or not; what is transparent is white."""
    return Source(*image.size, lambda box: _pixels(image.crop(box)))


def pixel_source(pixels: Colours) -> Source:
    """Decoded pixels: blue, green and red, as OpenCV has them."""
    import numpy as np

    height, width = pixels.shape[:2]

    def crop(box: tuple[int, int, int, int]) -> Colours:
        left, top, right, bottom = box
        part = pixels[top:bottom, left:right, ::-1]
        return np.ascontiguousarray(part, np.uint8)

    return Source(width, height, crop)


def find_letters(source: Source, dpi: float, strip_pixels: int) -> list[Place]:
    """Where an image of this resolution has letters that only their colour shows.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    scale = view_scale(source.width, source.height, dpi)
    size = max(1, round(source.width * scale)), max(1, round(source.height * scale))
    return find_colour_letters(_view(source, size, strip_pixels))


def show_letters(places: list[Place], source: Source, gray: Gray) -> None:
    """Make the letters at some places dark in the gray pixels of an image, or a whole fraction of
    them."""
    height, width = gray.shape
    across, down = source.width / width, source.height / height

    def colours(box: tuple[int, int, int, int]) -> Colours:
        left, top, right, bottom = box
        part = source.crop(
            (int(left * across), int(top * down), round(right * across), round(bottom * down))
        )
        return _resized(part, (right - left, bottom - top))

    show_by_colour(gray, places, colours)


def jpeg_letters(path: str, dpi: float, strip_pixels: int) -> tuple[list[Place], Source]:
    """The places of a JPEG file, which is decoded at a fraction for that, and all of its pixels,
    which are decoded when they are asked for.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    from PIL import Image as images

    with images.open(path, formats=("JPEG",)) as small:
        width, height = small.size
        scale = view_scale(width, height, dpi)
        small.draft("RGB", (round(width * scale), round(height * scale)))
        # It has fewer pixels to the inch now.
        part = image_source(small)
        places = find_letters(part, dpi * small.width / width, strip_pixels)
    whole = images.open(path, formats=("JPEG",))
    return places, image_source(whole)


def _view(source: Source, size: tuple[int, int], strip_pixels: int) -> Colours:
    import numpy as np

    view = np.empty((size[1], size[0], 3), np.uint8)
    rows = max(1, strip_pixels // source.width)
    scale = size[1] / source.height
    for top in range(0, source.height, rows):
        bottom = min(top + rows, source.height)
        begin, end = round(top * scale), round(bottom * scale)
        if end > begin:
            strip = source.crop((0, top, source.width, bottom))
            view[begin:end] = _resized(strip, (size[0], end - begin))
    return view


def _pixels(part: Image) -> Colours:
    """Red, green and blue; what is transparent is white."""
    import numpy as np
    from PIL import Image as images

    if part.mode in ("RGBA", "PA", "RGBa") or "transparency" in part.info:
        coloured = part.convert("RGBA")
        part = images.alpha_composite(images.new("RGBA", part.size, "white"), coloured)
    return np.asarray(part.convert("RGB"), np.uint8)


def _resized(pixels: Colours, size: tuple[int, int]) -> Colours:
    import cv2
    import numpy as np

    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
