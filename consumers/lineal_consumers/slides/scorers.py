"""Scorers of tiles: what one is, and those that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from lineal.errors import PermanentFailure
from lineal.plugins import plugins

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Tiles = npt.NDArray[np.uint8]

GROUP = "lineal.tile_scorers"


class ScoredTiles(NamedTuple):
    """What is said of some tiles."""

    scores: Floats
    """Of each, from 0 to 1."""
    features: Floats
    """Tiles × features."""


class TileScorer(Protocol):
    """Scores tiles; an object under the entry points ``lineal.tile_scorers``."""

    version: str
    """Name and version, with the digest of its weights where it has any; recorded with each score,
    and what was scored by another version is not taken for scored by this one."""
    features: tuple[str, ...]
    """Names of what it says of a tile, in their order."""

    def score(self, tiles: Tiles) -> ScoredTiles:
        """Score tiles × height × width × 3 (red, green, blue). The same tile has the same score,
        whatever others it comes with."""
        ...


def find_scorer(name: str) -> TileScorer:
    """An installed scorer.

    Raises:
        PermanentFailure: there is none of this name.
    """
    found = plugins(GROUP).loaded
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PermanentFailure(
            f"there is no scorer of tiles {name!r}; installed: {known}. Name one as scorer of "
            "[stages.slides], or install the package that brings it"
        )
    scorer: TileScorer = found[name]
    return scorer
