"""Makes photos small enough for a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_scoring.photo_model import Pixels

_QUALITY = 85
_SMALLER = 0.8


def fitting(data: bytes, pixels: Pixels, max_bytes: int) -> bytes:
    """A photo's file if it has at most so many bytes, else a smaller photo's as JPEG."""
    import cv2
    import numpy as np

    scale = 1.0
    while len(data) > max_bytes:
        size = (max(16, int(pixels.shape[1] * scale)), max(16, int(pixels.shape[0] * scale)))
        smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        _, made = cv2.imencode(
            ".jpg", np.ascontiguousarray(smaller[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        data = made.tobytes()
        scale *= _SMALLER
    return data
