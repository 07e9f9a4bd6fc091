"""Decodes photos that strangers sent, and makes copies to learn from."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from lineal import Reject
from lineal_scoring import photo_model
from lineal_scoring.photo_model import SIZE

Pixels = npt.NDArray[np.uint8]
_MAX_PIXELS = 100_000_000


def decode_photo(data: bytes) -> Pixels:
    """A photo as rows × columns × RGB, turned as its EXIF data says.

    Raises:
        Reject: it is no picture, a damaged one, or has more than 100 million pixels.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
    except Exception as error:  # of Pillow's many formats each fails its own way
        raise Reject("the photo is no picture that can be read") from error
    if width * height > _MAX_PIXELS:
        raise Reject(f"the photo has {width} by {height} pixels: too many")
    try:
        return photo_model.decode_photo(data)
    except photo_model.BadPhoto as error:
        raise Reject(str(error)) from error


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
