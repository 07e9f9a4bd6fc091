"""Reads and writes pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lineal_consumers.restyle.engine import CannotRestyle

if TYPE_CHECKING:
    from lineal_consumers.restyle.engine import Image, Mask


def size_of(data: bytes) -> tuple[int, int]:
    """Columns and rows, by the picture's header alone.

    Raises:
        CannotRestyle: it is no picture.
    """
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data)) as header:
            return header.size
    except Exception as error:  # of Pillow's many formats each fails its own way
        raise CannotRestyle("the file is no picture that can be read") from error


def decode(data: bytes) -> Image:
    """A picture, turned as its EXIF data says; what is transparent is on white.

    Raises:
        CannotRestyle: it is damaged.
    """
    import numpy as np
    import PIL.Image
    import PIL.ImageOps

    try:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            turned = PIL.ImageOps.exif_transpose(picture)
            if turned.has_transparency_data:
                layer = turned.convert("RGBA")
                turned = PIL.Image.new("RGBA", layer.size, (255, 255, 255, 255))
                turned.alpha_composite(layer)
            return np.array(turned.convert("RGB"), np.uint8)
    except Exception as error:  # as above
        raise CannotRestyle("the picture cannot be decoded: it is damaged") from error


def encode(picture: Image | Mask) -> bytes:
    """A PNG; the same picture is the same bytes."""
    import numpy as np
    import PIL.Image

    pixels = picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "PNG", compress_level=6)
    return out.getvalue()
