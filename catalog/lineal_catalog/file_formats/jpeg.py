"""Whether a JPEG without its end marker has all of its picture."""

from __future__ import annotations

JPEG_END = b"\xff\xd9"
_FILLING = 128
_MAX_MISSING = 0.1
"""Share of an image's last row that may be missing at its end."""


def is_complete_jpeg(data: bytes) -> bool:
    """Whether a JPEG without its end marker has all of its picture: what is missing is filled with
    middle gray, at the bottom from the right. That of a progressive one cannot be told."""
    import io

    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data + JPEG_END), formats=("JPEG",)) as image:
            if image.info.get("progressive"):
                return False
            image.draft("L", (image.width // 8, image.height // 8))
            gray = np.asarray(image.convert("L")).astype(np.int16)
    except (OSError, ValueError, SyntaxError):
        return False
    last = np.abs(gray[-1] - _FILLING) <= 1
    missing = len(last) if last.all() else int(np.argmin(last[::-1]))
    return missing <= _MAX_MISSING * len(last)
