"""Slides: what is tissue is scored, tile by tile, and the lesions are found."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from lineal.testing import StageHarness
from lineal_consumers.slides.config import SlidesConfig
from lineal_consumers.slides.stage import gather, scatter, score
from lineal_schemas.slides import Slide, SlideArrived, SlideScored, TilesRequested, TilesScored
from tests.consumers.slides.made_slide import GLASS, Pixels, tissue, write_slide

SIDE = 8192
LESION = {(8, 8), (8, 9), (9, 8), (9, 9), (20, 14), (20, 15), (21, 14), (21, 15)}
"""Segments; they are the tiles of 512 pixels at (2048, 2048) and (3584, 5120)."""
PALE, DARK = tissue(1, 4), tissue(2, 90)


def segment(row: int, column: int) -> Pixels:
    if (row, column) in LESION:
        return DARK
    return PALE if 4 <= row < 24 and 4 <= column < 24 else GLASS


@pytest.fixture(scope="module")
def slide_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slides") / "slide.tif", SIDE, segment)


async def arrive(harness: StageHarness, data: bytes) -> SlideScored | None:
    content = await harness.put(data, "image/tiff")
    slide = Slide(slide_id="one", content=content, patient="p1", arrived_us=1)
    made = await harness.send(SlideArrived(slide=slide))
    found = [one for one in made if isinstance(one, SlideScored)]
    return found[0] if found else None


@pytest.fixture
def harness() -> Callable[[], StageHarness]:
    return lambda: StageHarness(scatter, score, gather, config=SlidesConfig(tiles_per_part=30))


async def test_lesions_are_found_and_glass_is_not_scored(
    harness: Callable[[], StageHarness], slide_file: Path
) -> None:
    async with harness() as running:
        found = await arrive(running, slide_file.read_bytes())
        assert running.dead_letters == []
        assert found is not None
        assert (found.scored, found.background) == (100, 156)
        assert [(tile.x, tile.y) for tile in found.highest[:2]] == [(2048, 2048), (3584, 5120)]
        assert found.highest[1].score > 4 * found.highest[2].score
        parts = running.outputs(TilesRequested)
        assert [part.count for part in parts] == [4] * 4
        assert sum(part.scored for part in running.outputs(TilesScored)) == 100
        arrays = np.load(io.BytesIO(await running.get(found.scores)))
        assert len(arrays["tiles"]) == len(set(arrays["tiles"].tolist())) == 100
        assert found.score == pytest.approx(arrays["scores"].mean(), abs=1e-5)


async def test_the_heat_map_is_a_pyramid_and_red_where_the_lesion_is(
    harness: Callable[[], StageHarness], slide_file: Path
) -> None:
    async with harness() as running:
        found = await arrive(running, slide_file.read_bytes())
        assert found is not None
        archive = zipfile.ZipFile(io.BytesIO(await running.get(found.heat_map)))
    assert archive.namelist() == ["0/0/0.png"]
    drawn = np.asarray(Image.open(io.BytesIO(archive.read("0/0/0.png"))), int)
    redness = drawn[:, :, 0] - drawn[:, :, 2]
    assert redness[64:80, 64:80].mean() > redness[96:112, 96:112].mean() + 20


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
def test_a_region_is_what_the_page_holds_there(tmp_path: Path, compression: str | None) -> None:
    from lineal_consumers.slides.slide_file import open_pyramid

    chance = np.random.default_rng(0)
    page = chance.integers(0, 256, (700, 900, 3), np.uint8)
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, page, tile=(240, 304), photometric="rgb", compression=compression)
    with open_pyramid(str(path)) as pyramid:
        for x, y, width, height in ((0, 0, 512, 512), (512, 512, 512, 512), (303, 239, 2, 2)):
            region = pyramid.read(0, x, y, width, height)
            there = page[y : y + height, x : x + width]
            assert np.array_equal(region[: there.shape[0], : there.shape[1]], there)
            assert (region[there.shape[0] :] == 255).all()
            assert (region[:, there.shape[1] :] == 255).all()


async def test_what_cannot_be_read_is_rejected_with_a_reason(
    harness: Callable[[], StageHarness], slide_file: Path, tmp_path: Path
) -> None:
    glass = write_slide(tmp_path / "glass.tif", 2048, lambda row, column: GLASS, levels=(8,))
    huge_strip = tmp_path / "strip.tif"
    tifffile.imwrite(
        huge_strip, np.zeros((4096, 8192, 3), np.uint8), rowsperstrip=4096, photometric="rgb",
        compression="deflate",
    )  # fmt: skip
    cut = slide_file.read_bytes()[:60_000]
    for data, reason in (
        (b"no slide", "no TIFF"),
        (glass.read_bytes(), "nothing on the slide but background"),
        (huge_strip.read_bytes(), "too large to read in parts"),
        (cut, "cut off"),
    ):
        async with harness() as running:
            assert await arrive(running, data) is None
            assert reason in running.dead_letters[0].message
