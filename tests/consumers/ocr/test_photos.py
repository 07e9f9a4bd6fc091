"""Photos of letters and receipts, at an angle on a table, are read like scans of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from benchmarks.photos import Paper, photo
from lineal_consumers.ocr.config import OcrConfig
from tests.consumers.ocr.conftest import PROSE, DrawPage, ReadFile

SaveFile = Callable[..., Path]


def character_errors(text: str, truth: str) -> float:
    """Insertions, deletions and replacements for each character, whatever the white space."""
    got, wanted = (re.sub(r"\s+", " ", each).strip() for each in (text, truth))
    return Levenshtein.distance(got, wanted) / len(wanted)


@pytest.mark.parametrize(
    ("paper", "seed"),
    [
        *(pytest.param("letter", seed, marks=pytest.mark.long) for seed in (102, 106)),
        ("receipt", 103),
    ],
)
def test_a_sheet_photographed_at_an_angle_is_read(
    paper: Paper, seed: int, tmp_path: Path, read_file: ReadFile
) -> None:
    made = photo(seed, paper)
    path = tmp_path / "photo.jpg"
    path.write_bytes(made.jpeg)
    read = read_file(path, "image", config=OcrConfig())
    assert character_errors(read.text, "\n".join(made.lines)) < 0.02
    # The words are marked on the photo, not on the sheet that was cut out of it.
    if paper == "letter":
        across, down, depth = made.way @ (72 + 25, 842 - 770 - 4, 1)
        assert read.box_of("Northbank") == pytest.approx((across / depth, down / depth), abs=0.012)
        assert read.assembled.pdf is not None


@pytest.mark.long
def test_lines_beside_a_white_panel_are_not_cut_away(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    slide = Image.new("L", (1200, 1000), 120)
    slide.paste(draw_page(size=(1000, 600)), (100, 200))
    pen, font = ImageDraw.Draw(slide), ImageFont.load_default(size=40)
    pen.text((120, 80), "Quarterly results of the company", fill=10, font=font)
    pen.text((120, 880), "Confidential until September", fill=10, font=font)
    slide.info["dpi"] = (150, 150)
    read = read_file(as_file(slide, "slide.png"), "image")
    for word in (*PROSE[0].split(), "Quarterly", "September"):
        assert word in read.text


def test_a_picture_of_a_table_without_paper_costs_no_cutting(
    as_file: SaveFile, read_file: ReadFile
) -> None:
    noise = np.random.default_rng(3).normal(120, 12, (800, 600)).clip(0, 255)
    read = read_file(as_file(Image.fromarray(noise.astype(np.uint8)), "table.png"), "image")
    assert len(read.result.pages) == 1
