"""Letters hardly darker than their paper, and pages that are light on dark, are read; what shows
through from the other side of the paper is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from tests.consumers.ocr.conftest import PROSE, DrawPage, ReadFile

AsFile = Callable[..., Path]
SERIAL = "Serial number 48213"
TOTAL = "Total amount 77.45"


def lines(letters: int, ground: int, *, black: str = "") -> Image.Image:
    page = Image.new("L", (1000, 500), ground)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=34)
    pen.text((60, 40), black, fill=0, font=font)
    pen.text((60, 180), SERIAL, fill=letters, font=font)
    pen.text((60, 300), TOTAL, fill=letters, font=font)
    return page


@pytest.mark.parametrize(
    ("letters", "ground"),
    [
        (240, 255),
        (125, 150),
        (75, 40),
        *(pytest.param(*each, marks=pytest.mark.long) for each in ((222, 255), (120, 0), (255, 0))),
    ],
)
def test_a_page_of_faint_or_light_letters_is_read(
    letters: int, ground: int, as_file: AsFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(lines(letters, ground), "page.png"), kind="image")
    assert SERIAL in read.text and TOTAL in read.text


def test_faint_letters_beside_black_ones_are_read(as_file: AsFile, read_file: ReadFile) -> None:
    page = lines(225, 255, black="An ordinary line of words")
    read = read_file(as_file(page, "page.png"), kind="image")
    assert read.text.split("\n\n")[0] == "An ordinary line of words"
    assert SERIAL in read.text and TOTAL in read.text


def test_a_negative_of_two_colours_is_read(as_file: AsFile, read_file: ReadFile) -> None:
    page = ImageOps.invert(lines(0, 255)).convert("1")
    read = read_file(as_file(page, "page.png"), kind="image")
    assert SERIAL in read.text and TOTAL in read.text
    assert read.page.doubts == ()


def showing_through(page: Image.Image) -> Image.Image:
    """What a page printed on the other side looks like through thin paper."""
    dark = ImageOps.mirror(page.filter(ImageFilter.GaussianBlur(1.5)))
    return dark.point(lambda level: round(255 - (255 - level) * 0.1))


def test_what_shows_through_is_not_read(
    draw_page: DrawPage, as_file: AsFile, read_file: ReadFile
) -> None:
    behind = showing_through(draw_page())
    read = read_file(as_file(behind, "back.png"), kind="image")
    assert (read.text, read.page.doubts) == ("", ())
    front = draw_page(PROSE[:2])
    both = Image.fromarray(np.minimum(np.asarray(front), np.asarray(behind)))
    alone = read_file(as_file(front, "front.png"), kind="image")
    assert read_file(as_file(both, "both.png"), kind="image").text == alone.text


def test_white_and_black_letters_on_nothing_are_both_read(
    as_file: AsFile, read_file: ReadFile
) -> None:
    page = Image.new("RGBA", (1000, 400), (0, 0, 0, 0))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=34)
    pen.text((60, 60), SERIAL, fill=(255, 255, 255, 255), font=font)
    pen.text((60, 200), TOTAL, fill=(0, 0, 0, 255), font=font)
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(150, 150))
    read = read_file(as_file(out.getvalue(), "page.png"), kind="image")
    assert SERIAL in read.text and TOTAL in read.text
