"""Letters that differ from their ground by colour alone are read like others."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal_consumers.ocr.image_files import gray_pixels
from tests.consumers.ocr.conftest import ReadFile, ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, pasted, typed, written

AsFile = Callable[[bytes, str], Path]
Colour = tuple[int, int, int]

RED, GREEN = (200, 30, 30), (0, 128, 40)
"""Of brightness 81 and 80."""
SERIAL = "Serial number 48213"
TOTAL = "Total amount 77.45"


def coloured(letters: Colour, ground: Colour) -> Image.Image:
    """A line of black on white, and two in colours, at 150 dpi."""
    page = Image.new("RGB", (1000, 500), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=34)
    pen.text((60, 40), "An ordinary line of words", fill=0, font=font)
    pen.rectangle((40, 120, 900, 300), fill=ground)
    pen.text((70, 140), SERIAL, fill=letters, font=font)
    pen.text((70, 220), TOTAL, fill=letters, font=font)
    page.info["dpi"] = (150, 150)
    return page


def saved(page: Image.Image, format: str) -> bytes:
    out = io.BytesIO()
    page.save(out, format, dpi=(150, 150))
    return out.getvalue()


@pytest.mark.parametrize(
    ("letters", "ground"),
    [
        (RED, GREEN),
        (GREEN, RED),
        ((255, 255, 0), (255, 255, 255)),
        ((230, 120, 30), (149, 149, 149)),
        ((40, 40, 255), (150, 0, 100)),
    ],
)
def test_letters_as_bright_as_their_ground_are_read(
    letters: Colour, ground: Colour, as_file: AsFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(saved(coloured(letters, ground), "PNG"), "page"), kind="image")
    assert "An ordinary line of words" in read.text
    assert SERIAL in read.text and TOTAL in read.text
    assert read.page.doubts == ()


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF", "JPEG2000"])
def test_every_format_keeps_its_colours(format: str, as_file: AsFile, read_file: ReadFile) -> None:
    read = read_file(as_file(saved(coloured(RED, GREEN), format), "page"), kind="image")
    assert SERIAL in read.text and TOTAL in read.text


def test_a_picture_that_lies_on_its_side_is_read(as_file: AsFile, read_file: ReadFile) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    coloured(RED, GREEN).transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", exif=exif)
    read = read_file(as_file(out.getvalue(), "page"), kind="image")
    assert SERIAL in read.text and TOTAL in read.text


def test_a_scan_in_a_pdf_and_a_picture_beside_text_are_read(read_pdf: ReadPdf) -> None:
    page = coloured(RED, GREEN)
    for pdf in (
        written(pasted(page, 0, 0, 480), size=(480, 240)),
        written(typed(*PROSE), pasted(page, 60, 300, 480)),
    ):
        read, doubts = read_pdf(pdf)
        assert SERIAL in read.text and TOTAL in read.text
        assert not doubts


def test_pages_and_photos_without_such_letters_stay_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    texture = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    photo = Image.fromarray(texture).resize((1200, 900), Image.Resampling.BICUBIC)
    marked = coloured((0, 0, 0), (255, 240, 120))
    for number, page in enumerate((photo, marked)):
        path = tmp_path / f"{number}.png"
        page.save(path)
        with Image.open(path) as image:
            assert np.array_equal(gray_pixels(image, 10_000_000), np.asarray(page.convert("L")))
