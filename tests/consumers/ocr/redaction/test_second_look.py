"""Writing that is not read at first, pale or across, is gone from a copy as well."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from lineal_consumers.ocr.redaction.places import is_near, left_over, occurrences, tokens
from tests.consumers.ocr.redaction.test_redact import KEPT, NAME, redacted

WIDTH, HEIGHT = 300, 30


def picture(ink: int, ground: int, *, spaced: bool = False) -> Image.Image:
    """A line of writing that no text layer knows."""
    image = Image.new("L", (1900 if spaced else 1200, 120), ground)
    font = ImageFont.load_default(96)
    words = "   ".join(NAME.upper()) if spaced else f"Signed {NAME}"
    ImageDraw.Draw(image).text((12, 2), words, fill=ink, font=font)
    return image


def letter(file: Path, image: Image.Image, place: tuple[int, int, int, int]) -> Path:
    """A page with the name in its text, and a picture of it."""
    page = canvas.Canvas(str(file), pagesize=A4)
    page.setFont("Helvetica", 12)
    page.drawString(72, 790, f"A letter to {NAME} of the ninth of May")
    page.drawString(72, 720, KEPT)
    page.drawImage(ImageReader(image), *place)
    page.save()
    return file


@pytest.mark.parametrize(
    ("image", "place"),
    [
        pytest.param(picture(244, 255), (72, 560, WIDTH, HEIGHT), id="pale"),
        pytest.param(
            picture(0, 255).rotate(90, expand=True),
            (450, 300, HEIGHT, WIDTH),
            id="upwards",
            marks=pytest.mark.long,
        ),
        pytest.param(
            picture(0, 255).rotate(270, expand=True), (450, 300, HEIGHT, WIDTH), id="downwards"
        ),
        pytest.param(
            picture(0, 255, spaced=True),
            (72, 560, 450, HEIGHT),
            id="spaced",
            marks=pytest.mark.long,
        ),
        pytest.param(
            picture(0, 255, spaced=True).rotate(90, expand=True),
            (500, 200, HEIGHT, 450),
            id="upwards-spaced",
            marks=pytest.mark.long,
        ),
        pytest.param(
            picture(0, 255, spaced=True).rotate(270, expand=True),
            (500, 200, HEIGHT, 450),
            id="downwards-spaced",
        ),
    ],
)
def test_a_name_in_a_picture_is_gone_though_it_is_hard_to_read(
    image: Image.Image, place: tuple[int, int, int, int], tmp_path: Path
) -> None:
    made = redacted(
        letter(tmp_path / "a.pdf", image, place), "application/pdf", "pdf", words=[NAME]
    )
    assert made.problem is None
    page = pdfium.PdfDocument(io.BytesIO(made.data))[0]
    assert KEPT in " ".join(page.get_textpage().get_text_bounded().split())
    left, bottom, width, height = place
    shown = page.render(scale=2).to_pil().convert("L")
    there = np.asarray(
        shown.crop((2 * left, 2 * (842 - bottom - height), 2 * (left + width), 2 * (842 - bottom)))
    )
    # More than half of the writing is the name, and black now.
    assert (there < 40).mean() > 0.3


def test_letters_with_spaces_between_them_are_a_word() -> None:
    read = ["to", "m", "a", "r", "i", "a", "g", "o", "n", "z", "a", "l", "e", "z", "a", "b"]
    assert left_over([NAME], read) == [(1, 14)]
    assert left_over([NAME], read[::-1]) == [(2, 15)]
    assert left_over(["Mar"], ["m", "a", "x"]) == []


def test_a_word_that_differs_by_a_letter_is_near() -> None:
    for read in ("gonzalez", "onzalez", "gonzales", "gonnzalez", "gomzalez", "gonzale"):
        assert is_near("gonzalez", read)
    for read in ("gonzal", "fernandez", "zalez", "gomzales"):
        assert not is_near("gonzalez", read)
    assert not is_near("mara", "maria")


def test_a_long_number_goes_also_where_it_is_read_in_one_with_a_word() -> None:
    number = "0117 496 0123"
    read = "Account holder, tel0117 496 0123 or 0117-496-0123x"
    assert [read[begin:end] for begin, end in occurrences(read, number)] == [
        "0117 496 0123", "0117-496-0123"
    ]  # fmt: skip
    assert left_over([number], tokens("holder, tel0117 496 0123")) == [(1, 4)]
    # Other numbers are others, and short ones stand alone.
    assert [*occurrences("90117 496 01234", number), *occurrences("A4 and tel42", "42")] == []
    assert left_over([number], tokens("90117 496 0123")) == []
