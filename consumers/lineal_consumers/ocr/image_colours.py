"""The colours of an image file, for letters that its brightness does not show.

An image is decoded as gray. Its colours are looked at on a small view, and in full only where there
are such letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.ocr.colour_contrast import find_colour_letters, show_by_colour, view_scale

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    Gray = npt.NDArray[np.uint8]
    Colours = npt.NDArray[np.uint8]

_COLOURLESS = ("1", "L", "LA", "La", "I", "F")


def has_colours(mode: str) -> bool:
    """Whether images of a mode of Pillow's may have other colours than grays."""
    return mode not in _COLOURLESS and not mode.startswith("I;16")


def show_colour_letters(
    image: Image, gray: Gray, dpi: float, strip_pixels: int, *, small: Image | None = None
) -> None:
    """Make letters dark in ``gray`` that differ from their ground by colour alone.

    Args:
        image: with its colours, not turned, decoded or not.
        gray: its pixels, or a whole fraction of them; is changed.
        dpi: of the image.
        small: the same image at a fraction, where that costs less to decode.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    scale = view_scale(*image.size, dpi)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    places = find_colour_letters(_view(small or image, size, strip_pixels))
    if not places:
        return
    height, width = gray.shape

    def colours(box: tuple[int, int, int, int]) -> Colours:
        left, top, right, bottom = box
        across, down = image.width / width, image.height / height
        part = image.crop(
            (int(left * across), int(top * down), round(right * across), round(bottom * down))
        )
        return _resized(_pixels(part), (right - left, bottom - top))

    show_by_colour(gray, places, colours)


def open_jpeg_view(path: str, dpi: float) -> tuple[Image, Image]:
    """A JPEG file twice with its colours: to be decoded at a fraction, as far as a view needs it,
    and in full."""
    from PIL import Image as images

    small, full = (images.open(path, formats=("JPEG",)) for _ in range(2))
    scale = view_scale(*small.size, dpi)
    small.draft("RGB", (round(small.width * scale), round(small.height * scale)))
    return small, full


def _view(image: Image, size: tuple[int, int], strip_pixels: int) -> Colours:
    import numpy as np

    view = np.empty((size[1], size[0], 3), np.uint8)
    rows = max(1, strip_pixels // image.width)
    scale = size[1] / image.height
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        begin, end = round(top * scale), round(bottom * scale)
        if end > begin:
            strip = _pixels(image.crop((0, top, image.width, bottom)))
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
