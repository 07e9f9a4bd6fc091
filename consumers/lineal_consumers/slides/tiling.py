"""What worker processes do for slides: plan, and score tiles, each read alone."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lineal import Reject
from lineal_consumers.slides.pyramid import Pyramid
from lineal_consumers.slides.slide_file import open_pyramid
from lineal_schemas.slides import TileGrid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_BATCH = 16
"""Tiles in memory at once."""


class SlidePlan(NamedTuple):
    """How a slide is cut, and which tiles may be scored."""

    grid: TileGrid
    tiles: list[int]


class Shard(NamedTuple):
    """Scores of some tiles."""

    data: bytes
    """npz, as ``TilesScored.shard`` says."""
    scored: int
    background: int


def plan_slide(path: str, tile: int, max_background: float, max_tiles: int) -> SlidePlan:
    """Which tiles of a slide may be scored.

    Raises:
        Reject: it cannot be read, or has no tissue.
    """
    from lineal_consumers.slides.background import candidates

    with open_pyramid(path) as pyramid:
        width, height = pyramid.levels[0]
        grid = TileGrid(width=width, height=height, tile=tile)
        if grid.rows * grid.columns > max_tiles:
            raise Reject(
                f"{width} by {height} pixels are {grid.rows * grid.columns} tiles, more than "
                f"max_tiles = {max_tiles} of [stages.slides]"
            )
        found = candidates(pyramid, grid, max_background)
    if not found:
        raise Reject("there is nothing on the slide but background")
    return SlidePlan(grid, found)


def scorer_version(name: str) -> str:
    """Name and version of a scorer.

    Raises:
        PermanentFailure: it is not installed.
    """
    from lineal_consumers.slides.scorers import find_scorer

    return find_scorer(name).version


def score_tiles(
    path: str, grid: TileGrid, tiles: Sequence[int], scorer: str, max_background: float
) -> Shard:
    """Score those of the tiles that are not background at full resolution.

    Raises:
        Reject: the slide is broken.
        PermanentFailure: the scorer is not installed.
    """
    import numpy as np

    from lineal_consumers.slides.scorers import find_scorer

    found = find_scorer(scorer)
    numbers: list[int] = []
    scores: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)]
    features = [np.zeros((0, len(found.features)), np.float32)]
    with open_pyramid(path) as pyramid:
        for batch in _batches(tissue_tiles(pyramid, grid, tiles, max_background)):
            made = found.score(np.stack([pixels for _, pixels in batch]))
            numbers += [number for number, _ in batch]
            scores.append(np.asarray(made.scores, np.float32))
            features.append(np.asarray(made.features, np.float32))
    data = pack(np.array(numbers, np.int64), np.concatenate(scores), np.concatenate(features))
    return Shard(data, len(numbers), len(tiles) - len(numbers))


def tissue_tiles(
    pyramid: Pyramid, grid: TileGrid, tiles: Sequence[int], max_background: float
) -> Iterator[tuple[int, Pixels]]:
    """The tiles that are not background, one after another."""
    from lineal_consumers.slides.background import background_share

    for number in tiles:
        pixels = pyramid.read(0, *grid.origin(number), grid.tile, grid.tile)
        if background_share(pixels) <= max_background:
            yield number, pixels


def _batches(tiles: Iterator[tuple[int, Pixels]]) -> Iterator[list[tuple[int, Pixels]]]:
    batch: list[tuple[int, Pixels]] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def pack(
    tiles: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32],
) -> bytes:
    """Arrays as npz; the same arrays are the same bytes."""
    import numpy as np

    out = io.BytesIO()
    np.savez_compressed(out, tiles=tiles, scores=scores, features=features)
    return out.getvalue()
