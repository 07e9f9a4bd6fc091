"""Scores tiles by their nuclei: how much of a tile haematoxylin has stained, without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineal_consumers.slides.scorers import ScoredTiles

if TYPE_CHECKING:
    import numpy.typing as npt

_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Haematoxylin, eosin and DAB: how much each takes from red, green and blue (Ruifrok and Johnston
2001, "Quantification of histochemical staining by color deconvolution")."""
_STRONG = 0.55
"""Haematoxylin, as optical density, from which on a pixel belongs to a nucleus."""
_GREY = np.full(3, 1 / 3, np.float32)
_STEP = 2
"""Every second pixel of every second row: nuclei are some ten pixels wide at full resolution."""


def _separation() -> npt.NDArray[np.float32]:
    stains = _STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True)
    return np.linalg.inv(stains).astype(np.float32)


class NucleiScorer:
    """The share of a tile's pixels that belong to nuclei, from 0 to 1."""

    version = "nuclei/1"
    features = ("nuclei", "haematoxylin", "eosin", "brightness", "contrast")

    def __init__(self) -> None:
        self._separation = _separation()
        # The logarithm of 256 values, and not of each pixel.
        self._density = -np.log10((np.arange(256, dtype=np.float32) + 1) / 256)

    def score(self, tiles: npt.NDArray[np.uint8]) -> ScoredTiles:
        rows = np.array([self._features(tile) for tile in tiles], np.float32)
        rows = rows.reshape(len(tiles), len(self.features))
        return ScoredTiles(scores=np.clip(rows[:, 0], 0.0, 1.0), features=rows)

    def _features(self, tile: npt.NDArray[np.uint8]) -> list[float]:
        small = tile[::_STEP, ::_STEP]
        density = self._density[small].reshape(-1, 3)
        haematoxylin = density @ self._separation[:, 0]
        eosin = density @ self._separation[:, 1]
        grey = small.reshape(-1, 3) @ _GREY
        return [
            float(np.count_nonzero(haematoxylin > _STRONG) / len(haematoxylin)),
            float(haematoxylin.mean()),
            float(eosin.mean()),
            float(grey.mean()) / 255,
            float(grey.std()) / 255,
        ]


SCORER = NucleiScorer()
