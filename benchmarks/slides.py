"""Tiles of a slide: how fast they are read and told from glass, beside plain tifffile and NumPy.

The slide is made: 8,192 pixels each side, JPEG, as scanners of tissue write it, two tiles in three
with tissue. Both ways read the tiles of 512 pixels that the plan names and leave out those that are
more than half background, by the same function.
Times are of the processor. The peer keeps no limits, and reads no other layout.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks.measurement import Benchmark, Result, against_peer
from lineal_consumers.slides.background import background_share
from lineal_consumers.slides.slide_file import open_pyramid
from lineal_consumers.slides.tiling import plan_slide, tissue_tiles
from lineal_schemas.slides import TileGrid

_SIDE = 8_192
_TILE = 512
_SEGMENT = 256
_MAX_BACKGROUND = 0.5
_RUNS = 9


def _write(path: Path) -> None:
    """A band of glass on the left, tissue on the rest, and a level eight times smaller."""
    chance = np.random.default_rng(0)
    tissue = [
        np.clip(
            np.array((205, 130, 180)) + chance.normal(0, 22, (_SEGMENT, _SEGMENT, 3)), 0, 255
        ).astype(np.uint8)
        for _ in range(16)
    ]
    glass = np.full((_SEGMENT, _SEGMENT, 3), 243, np.uint8)

    def segments(side: int) -> Any:
        count = side // _SEGMENT
        for row in range(count):
            for column in range(count):
                yield glass if 3 * column < count else tissue[(5 * row + column) % len(tissue)]

    given: dict[str, Any] = {
        "tile": (_SEGMENT, _SEGMENT), "photometric": "rgb", "compression": "jpeg",
        "dtype": np.uint8,
    }  # fmt: skip
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(segments(_SIDE), shape=(_SIDE, _SIDE, 3), subifds=1, **given)
        small = _SIDE // 8
        file.write(segments(small), shape=(small, small, 3), subfiletype=1, **given)


def _ours(path: Path, grid: TileGrid, tiles: Sequence[int]) -> tuple[float, int]:
    begun = time.process_time()
    with open_pyramid(str(path)) as pyramid:
        found = sum(1 for _ in tissue_tiles(pyramid, grid, tiles, _MAX_BACKGROUND))
    return len(tiles) / (time.process_time() - begun), found


def _plain(path: Path, grid: TileGrid, tiles: Sequence[int]) -> tuple[float, int]:
    """As somebody writes it who has this one file: its segments are a half of a tile each side."""
    begun = time.process_time()
    found = 0
    half = _TILE // _SEGMENT
    with tifffile.TiffFile(path) as file:
        page = file.pages[0].aspage()
        across = page.imagewidth // _SEGMENT
        handle = file.filehandle
        pixels = np.empty((_TILE, _TILE, 3), np.uint8)
        for number in tiles:
            x, y = grid.origin(number)
            for row in range(half):
                for column in range(half):
                    index = (y // _SEGMENT + row) * across + x // _SEGMENT + column
                    handle.seek(page.dataoffsets[index])
                    data = handle.read(page.databytecounts[index])
                    segment = page.decode(data, index, jpegtables=page.jpegtables)[0]
                    assert segment is not None
                    pixels[
                        row * _SEGMENT : (row + 1) * _SEGMENT,
                        column * _SEGMENT : (column + 1) * _SEGMENT,
                    ] = segment[0]
            found += background_share(pixels) <= _MAX_BACKGROUND
    return len(tiles) / (time.process_time() - begun), found


def _measure() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "slide.tif"
        _write(path)
        plan = plan_slide(str(path), _TILE, _MAX_BACKGROUND, 1_000_000)
        pairs = []
        for _ in range(_RUNS):
            (ours, found), (theirs, expected) = (
                way(path, plan.grid, plan.tiles) for way in (_ours, _plain)
            )
            assert found == expected > 0, (found, expected)
            pairs.append((ours, theirs))
    return [
        against_peer(
            "tiles.rate", "tiles/s of a core", "ratio >= 0.9", "tifffile and NumPy", pairs
        ),
    ]


BENCHMARKS = (Benchmark(("tiles.rate",), _measure),)
