"""Reads what OpenSlide does: formats of scanners that are one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openslide

from lineal import Reject
from lineal_consumers.slides.pyramid import Level

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


class OpenSlidePyramid:
    """A slide that OpenSlide has opened.

    Raises:
        Reject: it cannot.
    """

    def __init__(self, path: str) -> None:
        try:
            self._slide = openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:
            raise Reject(f"OpenSlide cannot read it either: {error}") from error
        self.levels = tuple(Level(*size) for size in self._slide.level_dimensions)

    def close(self) -> None:
        self._slide.close()

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """A region as height × width × 3; white where nothing is stored."""
        import numpy as np

        scale = self._slide.level_downsamples[level]
        try:
            found = self._slide.read_region(
                (round(x * scale), round(y * scale)), level, (width, height)
            )
        except openslide.OpenSlideError as error:
            raise Reject(f"the slide is broken: {error}") from error
        pixels = np.asarray(found)
        made: Pixels = np.ascontiguousarray(pixels[:, :, :3])
        made[pixels[:, :, 3] == 0] = 255
        return made
