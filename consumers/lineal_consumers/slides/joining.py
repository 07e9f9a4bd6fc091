"""Joins the shards of a slide: its score, its features, its highest tiles."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lineal import Reject
from lineal_consumers.slides.heat_map import draw_heat_map
from lineal_consumers.slides.scorers import find_scorer
from lineal_consumers.slides.slide_file import open_pyramid
from lineal_consumers.slides.tiling import pack
from lineal_schemas.slides import TileGrid, TileScore

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

_HIGHEST = 10
_MAP = 16
_TOP_SHARE = 0.02
"""A lesion may be a small part of a slide."""


class JoinedSlide(NamedTuple):
    """A slide's scores."""

    mean: float
    """Of the tiles' scores."""
    features: dict[str, float]
    highest: tuple[TileScore, ...]
    scores: bytes
    """npz, as of a shard."""
    heat_map: bytes


def join_shards(path: str, grid: TileGrid, shards: Sequence[bytes], scorer: str) -> JoinedSlide:
    """Join the shards of the slide in a file.

    Raises:
        Reject: all of it is background.
    """
    opened = [np.load(io.BytesIO(shard), allow_pickle=False) for shard in shards]
    tiles = np.concatenate([one["tiles"] for one in opened])
    scores = np.concatenate([one["scores"] for one in opened])
    features = np.concatenate([one["features"] for one in opened])
    if not len(tiles):
        raise Reject("there is nothing on the slide but background")
    order = np.argsort(-scores, kind="stable")[:_HIGHEST]
    highest = []
    for at in order:
        x, y = grid.origin(int(tiles[at]))
        highest.append(TileScore(x=x, y=y, score=round(float(scores[at]), 6)))
    with open_pyramid(path) as pyramid:
        heat_map = draw_heat_map(pyramid, grid, tiles, scores)
    return JoinedSlide(
        mean=float(scores.mean(dtype=np.float64)),
        features=slide_features(scores, features, find_scorer(scorer).features),
        highest=tuple(highest),
        scores=pack(tiles, scores, features),
        heat_map=heat_map,
    )


def slide_features(scores: Floats, features: Floats, names: Sequence[str]) -> dict[str, float]:
    """What is said of a slide: of each feature of its tiles the mean, the deviation, and
    the mean of the highest 2 %."""
    made: dict[str, float] = {}
    columns = [("score", scores), *((name, features[:, n]) for n, name in enumerate(names))]
    top = max(1, round(_TOP_SHARE * len(scores)))
    for name, values in columns:
        exact = np.sort(values.astype(np.float64))
        made[f"{name}_mean"] = round(float(exact.mean()), 8)
        made[f"{name}_deviation"] = round(float(exact.std()), 8)
        made[f"{name}_top"] = round(float(exact[-top:].mean()), 8)
    return made


def score_map(path: str, grid: TileGrid) -> list[float]:
    """A picture of 16 by 16 of where the scores of a slide are, in the file of all its scores."""
    with np.load(path, allow_pickle=False) as arrays:
        tiles, scores = arrays["tiles"], arrays["scores"]
    rows, columns = tiles // grid.columns, tiles % grid.columns
    places = rows * _MAP // grid.rows * _MAP + columns * _MAP // grid.columns
    sums = np.bincount(places, weights=scores, minlength=_MAP * _MAP)
    counts = np.bincount(places, minlength=_MAP * _MAP)
    return [round(float(one), 6) for one in sums / np.maximum(counts, 1)]
