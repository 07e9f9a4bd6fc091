"""A drawn picture of which it is known what is where."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

RED, BLUE = (200, 30, 35), (30, 60, 190)


def scene(width: int = 320, height: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc and a blue square on sand: the picture, and where either is."""
    chance = np.random.default_rng(3)
    sand = np.array([214, 196, 150]) + chance.normal(0, 5, (height, width, 3))
    picture = Image.fromarray(np.clip(sand, 0, 255).astype(np.uint8))
    masks = []
    for shape, colour in (("disc", RED), ("square", BLUE)):
        mask = Image.new("1", (width, height))
        for layer, paint in ((picture, colour), (mask, 1)):
            draw: Any = ImageDraw.Draw(layer)
            if shape == "disc":
                draw.ellipse((60, 70, 140, 150), fill=paint)
            else:
                draw.rectangle((200, 90, 259, 149), fill=paint)
        masks.append(np.array(mask))
    return np.array(picture), masks[0], masks[1]


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())
