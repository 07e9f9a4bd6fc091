"""Finds colours, by their number or their name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lineal_consumers.restyle.engine import CannotRestyle

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.restyle.engine import Image, Mask

    Floats = npt.NDArray[np.float32]

NAMED: dict[str, tuple[float, float, float, float, float, float]] = {
    # lowest and highest hue (degrees), saturation, value
    "red": (345, 15, 0.6, 1, 0.25, 1),
    "orange": (15, 42, 0.45, 1, 0.45, 1),
    "brown": (10, 45, 0.25, 1, 0.1, 0.6),
    "yellow": (42, 70, 0.35, 1, 0.45, 1),
    "green": (70, 170, 0.25, 1, 0.15, 1),
    "cyan": (170, 200, 0.25, 1, 0.3, 1),
    "blue": (200, 260, 0.45, 1, 0.2, 1),
    "purple": (260, 300, 0.2, 1, 0.2, 1),
    "pink": (300, 345, 0.2, 1, 0.4, 1),
    "white": (0, 360, 0, 0.15, 0.8, 1),
    "grey": (0, 360, 0, 0.15, 0.2, 0.8),
    "black": (0, 360, 0, 1, 0, 0.2),
}


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def to_lab(image: Image) -> Floats:
    """CIE L*a*b*, in its own units."""
    import cv2
    import numpy as np

    return np.asarray(
        cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32
    )


def colour_mask(image: Image, colour: str, tolerance: float) -> Mask:
    """Where an image has about a colour."""
    import numpy as np

    wanted = to_lab(np.array([[rgb_of(colour)]], np.uint8))[0, 0]
    found: Mask = np.linalg.norm(to_lab(image) - wanted, axis=2) <= tolerance
    return found


def named_colour_mask(image: Image, words: str) -> Mask:
    """Where an image has a colour that is named in words: ``the red car``, ``blue``.

    Raises:
        CannotRestyle: none is named, or several.
    """
    import cv2
    import numpy as np

    said = words.lower().replace("gray", "grey")
    names = [name for name in NAMED if re.search(rf"\b{name}\b", said)]
    if len(names) != 1:
        raise CannotRestyle(
            f"of the words {words!r} this engine understands one colour only: "
            f"{', '.join(NAMED)}; name a box, or ask for an engine that sees"
        )
    low, high, *ends = NAMED[names[0]]
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hue, saturation, value = (hsv[:, :, place] for place in range(3))
    turned = (hue >= low) & (hue <= high) if low <= high else (hue >= low) | (hue <= high)
    found: Mask = (
        turned
        & (saturation >= ends[0]) & (saturation <= ends[1])
        & (value >= ends[2]) & (value <= ends[3])
    )  # fmt: skip
    return found
