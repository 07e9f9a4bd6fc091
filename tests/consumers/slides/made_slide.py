"""Slides that tests make: pale tissue on glass, with lesions of dark nuclei where they say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

Pixels = npt.NDArray[np.uint8]
SEGMENT = 256
GLASS = np.full((SEGMENT, SEGMENT, 3), 243, np.uint8)


def tissue(seed: int, nuclei: int) -> Pixels:
    """A segment of pink tissue with so many dark blue nuclei."""
    chance = np.random.default_rng(seed)
    made = np.array((225, 165, 200)) + chance.normal(0, 6, (SEGMENT, SEGMENT, 3))
    rows, columns = np.mgrid[:SEGMENT, :SEGMENT]
    for y, x in chance.integers(0, SEGMENT, (nuclei, 2)):
        made[(rows - y) ** 2 + (columns - x) ** 2 < 49] = (70, 45, 130)
    return np.clip(made, 0, 255).astype(np.uint8)


def write_slide(
    path: Path,
    side: int,
    segment: Callable[[int, int], Pixels],
    *,
    compression: str | None = "jpeg",
    levels: Collection[int] = (8, 32),
) -> Path:
    """Write a pyramid of so many pixels each side, never in memory as a whole.

    Args:
        segment: the pixels of the segment in a row and column of full resolution.
        levels: how many times smaller the further levels are.
    """

    def full() -> Iterator[Pixels]:
        for row in range(side // SEGMENT):
            for column in range(side // SEGMENT):
                yield segment(row, column)

    def smaller(by: int) -> Iterator[Pixels]:
        count, each = side // by // SEGMENT, SEGMENT // by
        for row in range(count):
            for column in range(count):
                made = np.empty((SEGMENT, SEGMENT, 3), np.uint8)
                for y in range(by):
                    for x in range(by):
                        small = segment(row * by + y, column * by + x)[by // 2 :: by, by // 2 :: by]
                        made[y * each : (y + 1) * each, x * each : (x + 1) * each] = small
                yield made

    given: dict[str, Any] = {
        "tile": (SEGMENT, SEGMENT),
        "photometric": "rgb",
        "compression": compression,
    }
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        shape = (side, side, 3)
        file.write(full(), shape=shape, dtype=np.uint8, subifds=len(levels), **given)
        for by in levels:
            shape = (side // by, side // by, 3)
            file.write(smaller(by), shape=shape, dtype=np.uint8, subfiletype=1, **given)
    return path
