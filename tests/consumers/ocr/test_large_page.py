"""Pages that are too large to be recognised at once: read in bands, or doubtful."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from lineal_consumers.ocr.config import OcrConfig
from tests.consumers.ocr.conftest import PROSE, DrawPage, ReadFile

SaveFile = Callable[..., Path]

NAMES = [
    colour + animal
    for colour in ("red", "blue", "green", "black", "white", "brown")
    for animal in ("fox", "hen", "dog", "cow", "ram", "bee")
]
LINES = [f"{line} {name}" for line, name in zip(PROSE * 6, NAMES, strict=True)]
SMALL = OcrConfig(dpi=300, max_pixels=1_500_000)
"""The page below has 9 million pixels at 300 dpi: six bands."""


@pytest.fixture
def strip(draw_page: DrawPage) -> Image.Image:
    """A page of 36 lines, 12 inches tall and 5.5 wide, at 150 dpi, in letters of 12 points."""
    return draw_page(LINES, (820, 1_850), 25)


def test_a_long_page_is_read_in_bands_as_well_as_at_once(
    strip: Image.Image, as_file: SaveFile, read_file: ReadFile, scan_pdf: Callable[..., bytes]
) -> None:
    for path, kind in (
        (as_file(strip, "a.png"), "image"),
        (as_file(scan_pdf(strip), "a.pdf"), "pdf"),
    ):
        read = read_file(path, kind, config=SMALL)
        assert [line for line in read.text.splitlines() if line] == LINES
        assert (read.page.end, read.page.doubts) == (len(read.text), ())
        places = [read.box_of(name) for name in NAMES]
        assert all(0.015 < below[1] - above[1] < 0.035 for above, below in pairwise(places))
        lines = [word.line for word in read.page.words]
        assert lines == sorted(lines) and len(set(lines)) == len(LINES)
        size = read.page.height / read.page.width
        assert size == pytest.approx(1_850 / 820, rel=0.01)


@pytest.mark.long
def test_what_is_too_large_for_bands_is_doubtful(
    strip: Image.Image, as_file: SaveFile, read_file: ReadFile, scan_pdf: Callable[..., bytes]
) -> None:
    config = SMALL.model_copy(update={"max_pixels": 200_000})
    for path, kind in (
        (as_file(strip, "a.png"), "image"),
        (as_file(scan_pdf(strip), "a.pdf"), "pdf"),
    ):
        read = read_file(path, kind, config=config)
        assert any("so large that it was read at" in doubt for doubt in read.page.doubts)


def test_a_page_on_its_side_is_read_at_once(
    strip: Image.Image, as_file: SaveFile, read_file: ReadFile
) -> None:
    config = SMALL.model_copy(update={"max_pixels": 4_000_000})
    turned = strip.transpose(Image.Transpose.ROTATE_90)
    turned.info["dpi"] = (150, 150)
    read = read_file(as_file(turned, "a.png"), "image", config=config)
    assert read.page.rotation == 90
    assert "redfox" in read.text and "brownbee" in read.text


@pytest.mark.long
def test_what_was_scrolled_down_is_as_wide_as_a_page(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    """Without a stated density: its letters would else be three pixels tall to the eye."""
    screen = draw_page(LINES * 3, (1_000, 3_300), 14)
    screen.info["dpi"] = (96, 96)
    read = read_file(as_file(screen, "a.png"), "image", config=OcrConfig())
    found = [line for line in read.text.splitlines() if line]
    assert len(found) == len(LINES) * 3
    assert sum(line in LINES for line in found) >= 0.98 * len(found)
