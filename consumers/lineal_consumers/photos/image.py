"""Decodes photos to the size that models take."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from lineal import Reject

Pixels = npt.NDArray[np.uint8]
SIZE = 256
"""Pixels of each side that models take: photos are scaled to a square."""
_MAX_PIXELS = 100_000_000


def decode_photo(data: bytes) -> Pixels:
    """A photo as rows × columns × RGB, turned as its EXIF data says.

    Raises:
        Reject: it is no picture, a damaged one, or has more than 100 million pixels.
    """
    import cv2
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
    except Exception as error:  # of Pillow's many formats each fails its own way
        raise Reject("the photo is no picture that can be read") from error
    if width * height > _MAX_PIXELS:
        raise Reject(f"the photo has {width} by {height} pixels: too many")
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise Reject("the photo cannot be decoded: it is damaged")
    return np.ascontiguousarray(found[:, :, ::-1])


def to_model_size(pixels: Pixels) -> Pixels:
    """Scaled to what models take, averaging over the pixels that become one."""
    import cv2

    scaled = cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, dtype=np.uint8)


def shifted_copies(pixels: Pixels, count: int, seed: int) -> list[Pixels]:
    """Copies as a camera that is not quite still, under light that is not quite even, takes them:
    moved by up to 6 pixels of 256, turned by up to 4 degrees, lightened or darkened by up to 8 %.
    """
    import cv2

    chance = np.random.default_rng(seed)
    copies = []
    for _ in range(count):
        turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), chance.uniform(-4, 4), 1.0)
        turn[:, 2] = turn[:, 2] + chance.uniform(-6, 6, 2)
        moved = cv2.warpAffine(pixels, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        lit = np.clip(moved.astype(np.float32) * chance.uniform(0.92, 1.08), 0, 255)
        copies.append(lit.astype(np.uint8))
    return copies
