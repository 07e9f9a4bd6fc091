"""What OpenSlide reads: the same pixels as of the TIFF's segments, and slides that it alone can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from lineal import Reject
from lineal_consumers.slides.slide_file import open_pyramid
from lineal_consumers.slides.tiff_pyramid import TiffPyramid
from tests.consumers.slides.made_slide import Pixels, tissue, write_slide

pytest.importorskip("openslide")
from lineal_consumers.slides.openslide_pyramid import OpenSlidePyramid

SIDE = 2048
KINDS = [tissue(1, 4), tissue(2, 90)]


def segment(row: int, column: int) -> Pixels:
    return KINDS[(row + column) % 2]


def test_a_region_is_the_same_through_openslide_as_by_its_segments(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "slide.tif", SIDE, segment, levels=())
    ours, theirs = TiffPyramid(str(path)), OpenSlidePyramid(str(path))
    try:
        assert theirs.levels == ours.levels
        for x, y in ((0, 0), (300, 700), (SIDE - 100, SIDE - 100)):
            mine, other = (pyramid.read(0, x, y, 300, 300) for pyramid in (ours, theirs))
            # Two decoders of JPEG round in their own ways.
            assert np.abs(mine.astype(int) - other).max() <= 4
    finally:
        ours.close()
        theirs.close()


def test_what_the_segments_are_not_read_of_is_read_through_openslide(tmp_path: Path) -> None:
    """Colours that are stored one after another, as some programs write them."""
    page = np.concatenate([segment(0, 0), segment(0, 1)], axis=1)
    path = tmp_path / "planes.tif"
    tifffile.imwrite(
        path, page.transpose(2, 0, 1), tile=(128, 128), photometric="rgb", planarconfig="separate",
        compression="deflate",
    )  # fmt: skip
    with pytest.raises(Reject, match="not stored pixel by pixel"):
        TiffPyramid(str(path))
    with open_pyramid(str(path)) as pyramid:
        assert isinstance(pyramid, OpenSlidePyramid)
        assert np.array_equal(pyramid.read(0, 100, 40, 200, 90), page[40:130, 100:300])
