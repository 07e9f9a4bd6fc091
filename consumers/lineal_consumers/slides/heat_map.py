"""Draws a heat map of a slide as a pyramid of small PNG files in one ZIP file."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from lineal_consumers.slides.pyramid import Pyramid, coarsest
from lineal_schemas.slides import HEAT_MAP_TILE

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from lineal_schemas.slides import TileGrid

_MAX_SOURCE = 32 << 20
"""Pixels of the level under the heat map."""
_OPACITY = 0.65
_RED = np.array((214, 20, 30), np.float32)
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)


def draw_heat_map(
    pyramid: Pyramid, grid: TileGrid, tiles: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]
) -> bytes:
    """Red over the small picture of the slide in grey, the more so the higher a tile's score; a ZIP
    file of ``Z/X/Y.png``. The same slide and scores make the same bytes."""
    per_tile = grid.heat_map_pixels
    heat = np.zeros(grid.rows * grid.columns, np.float32)
    heat[tiles] = scores
    # By its root, because most scores are low; the same score is the same red on every slide.
    shares = np.sqrt(heat.reshape(grid.rows, grid.columns)) * _OPACITY
    drawn = _underneath(pyramid, grid, per_tile)
    for row, share in enumerate(shares):  # by rows: as numbers, a picture is four times as large
        band = drawn[row * per_tile : (row + 1) * per_tile]
        grey = band.mean(axis=2, dtype=np.float32, keepdims=True)
        red = share.repeat(per_tile)[None, :, None]
        band[:] = (grey * (1 - red) + _RED * red).astype(np.uint8)
    return _pyramid_of(drawn, grid.heat_map_max_zoom)


def _underneath(pyramid: Pyramid, grid: TileGrid, per_tile: int) -> npt.NDArray[np.uint8]:
    """The slide as small as the heat map; grey where the file has no level that is small."""
    from PIL import Image

    size = (grid.columns * per_tile, grid.rows * per_tile)
    made = np.full((size[1], size[0], 3), 230, np.uint8)
    level = coarsest(pyramid, grid.tile, per_tile)
    number = 0 if level is None else level
    width, height = pyramid.levels[number]
    if width * height > _MAX_SOURCE:
        return made
    picture = Image.fromarray(pyramid.read(number, 0, 0, width, height))
    # The tiles at the right and the bottom reach over the slide's edge.
    shown = (
        max(1, round(size[0] * grid.width / (grid.columns * grid.tile))),
        max(1, round(size[1] * grid.height / (grid.rows * grid.tile))),
    )
    made[: shown[1], : shown[0]] = np.asarray(picture.resize(shown, Image.Resampling.BOX))
    return made


def _pyramid_of(drawn: npt.NDArray[np.uint8], zooms: int) -> bytes:
    from PIL import Image

    picture = Image.fromarray(drawn)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for zoom in range(zooms, -1, -1):
            for y in range(-(-picture.height // HEAT_MAP_TILE)):
                for x in range(-(-picture.width // HEAT_MAP_TILE)):
                    archive.writestr(
                        zipfile.ZipInfo(f"{zoom}/{x}/{y}.png", _FIRST_DATE), _png(picture, x, y)
                    )
            half = (-(-picture.width // 2), -(-picture.height // 2))
            picture = picture.resize(half, Image.Resampling.BOX)
    return out.getvalue()


def _png(picture: Image.Image, x: int, y: int) -> bytes:
    from PIL import Image

    part = Image.new("RGB", (HEAT_MAP_TILE, HEAT_MAP_TILE), (255, 255, 255))
    left, top = x * HEAT_MAP_TILE, y * HEAT_MAP_TILE
    right = min(left + HEAT_MAP_TILE, picture.width)
    bottom = min(top + HEAT_MAP_TILE, picture.height)
    part.paste(picture.crop((left, top, right, bottom)))
    out = io.BytesIO()
    part.save(out, "PNG")
    return out.getvalue()
