"""``Pyramid``: an image in several resolutions of which any region can be read alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from lineal import Reject

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


class DamagedSlide(Reject):
    """A slide of a format that is read, of which something is missing."""


class Level(NamedTuple):
    """One resolution, in pixels."""

    width: int
    height: int


class Pyramid(Protocol):
    """A slide that is open."""

    levels: tuple[Level, ...]
    """Full resolution first."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """A region as height × width × 3 (red, green, blue); white where nothing is stored.

        Args:
            x, y: the top left corner, in pixels of the level.

        Raises:
            Reject: the file is broken there.
        """
        ...

    def close(self) -> None: ...


def coarsest(pyramid: Pyramid, tile: int, pixels: int) -> int | None:
    """The smallest level on which a tile of full resolution still has so many pixels each side;
    None where that is only full resolution."""
    found = None
    for number, level in enumerate(pyramid.levels[1:], 1):
        if tile * level.width / pyramid.levels[0].width >= pixels:
            found = number
    return found
