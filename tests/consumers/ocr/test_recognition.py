"""Scans come out right however they lie, and doubtful ones say so."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from reportlab.pdfgen import canvas

from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.page_signals import page_signals, reading_scale
from lineal_consumers.ocr.reading_time import seconds_left
from tests.consumers.ocr.conftest import PROSE, DrawPage, Read, ReadFile

SaveFile = Callable[..., Path]


def recall(read: Read) -> float:
    """Share of the words of the drawn prose that were read, in one go with the order of lines."""
    wanted = " ".join(PROSE).split()
    got = read.text.split()
    return sum(word in got for word in wanted) / len(wanted)


def test_a_scan_is_read_with_boxes_where_the_words_stand(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(draw_page(), "a.png"), "image")
    assert re.sub(r"\s+", " ", read.text) == " ".join(PROSE)
    assert read.page.source == "ocr"
    assert read.page.doubts == ()
    assert (round(read.page.width), round(read.page.height)) == (432, 336)
    x, y = read.box_of("Several")
    assert x == pytest.approx((80 + 55) / 900, abs=0.02)
    assert y == pytest.approx((60 + 4 * 60 + 20) / 700, abs=0.02)


@pytest.mark.parametrize("small_print", [False, True])
def test_large_letters_are_shrunk_and_small_print_beside_them_is_not(
    small_print: bool, draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page(size=(2400, 1400), font_size=62)
    if small_print:
        notes = draw_page(size=(2400, 400), font_size=24)
        page.paste(notes, (0, 1000))
    signals = page_signals(np.asarray(page), 300)
    scale = reading_scale(signals, 300)
    assert scale == 1 if small_print else scale < 0.7
    page.info["dpi"] = (300, 300)
    read = read_file(as_file(page, "a.png"), "image")
    assert re.sub(r"\s+", " ", read.text) == " ".join((*PROSE, *(PROSE if small_print else ())))
    if not small_print:
        ink = np.argwhere(np.asarray(page) < 128)
        top, left = ink.min(axis=0)
        first = read.page.words[0]
        assert (first.left * 2400, first.top * 1400) == pytest.approx((left, top), abs=4)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_on_its_side_or_head_is_turned_upright(
    turn: int, draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    upright = read_file(as_file(draw_page(), "upright.png"), "image")
    # PIL turns counter-clockwise, so the page has to be turned clockwise by as much.
    page = draw_page().rotate(turn, expand=True)
    read = read_file(as_file(page, "turned.png"), "image")
    assert recall(read) > 0.9
    assert read.page.rotation == turn
    assert (read.page.width, read.page.height) == (upright.page.width, upright.page.height)
    assert read.box_of("Several") == pytest.approx(upright.box_of("Several"), abs=0.01)


@pytest.mark.parametrize("degrees", [-7.0, 4.0])
def test_a_skewed_scan_is_straightened_and_its_boxes_are_those_of_the_skewed_page(
    degrees: float, draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page(size=(1000, 900))
    skewed = page.rotate(-degrees, expand=False, fillcolor=255, resample=Image.Resampling.BICUBIC)
    read = read_file(as_file(skewed, "skewed.png"), "image")
    assert recall(read) > 0.9
    assert read.page.skew == pytest.approx(degrees, abs=0.5)
    straight = read_file(as_file(page, "straight.png"), "image")
    x, y = straight.box_of("Several")
    angle = np.radians(degrees)
    dx, dy = (x - 0.5) * 1000, (y - 0.5) * 900
    there = (
        0.5 + (dx * np.cos(angle) - dy * np.sin(angle)) / 1000,
        0.5 + (dx * np.sin(angle) + dy * np.cos(angle)) / 900,
    )
    assert read.box_of("Several") == pytest.approx(there, abs=0.012)


def test_a_blank_page_has_no_text_and_no_doubt(as_file: SaveFile, read_file: ReadFile) -> None:
    read = read_file(as_file(Image.new("L", (600, 800), 250), "blank.png"), "image")
    assert read.text == ""
    assert read.page.words == ()
    assert read.page.doubts == ()
    assert read.assembled.pdf is not None


def test_a_page_of_noise_is_doubted(as_file: SaveFile, read_file: ReadFile) -> None:
    noise = np.random.default_rng(5).integers(0, 2, (75, 60), dtype=np.uint8) * 255
    page = Image.fromarray(noise).resize((600, 750), Image.Resampling.NEAREST)
    read = read_file(as_file(page, "noise.png"), "image")
    assert read.page.doubts
    assert read.assembled.doubts[0].page == 1


def test_a_shaded_photo_is_read_and_marked_as_unevenly_lit(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = np.asarray(draw_page(), dtype=np.float64)
    light = np.linspace(1.0, 0.25, page.shape[1])[None, :]
    ink = 0.45 + 0.55 * page / 255
    shaded = Image.fromarray((255 * ink * light).astype(np.uint8))
    read = read_file(as_file(shaded.filter(ImageFilter.GaussianBlur(1.2)), "photo.png"), "image")
    assert recall(read) > 0.9
    assert read.page.quality is not None
    assert read.page.quality.background_ratio < 0.6
    assert "the page is unevenly lit" in read.page.doubts


def test_transparent_and_sixteen_bit_images_are_read(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page()
    black = Image.new("RGBA", page.size, (0, 0, 0, 0))
    black.putalpha(page.point(lambda value: 255 - value))
    assert recall(read_file(as_file(black, "alpha.png"), "image")) > 0.9
    deep = Image.fromarray((np.asarray(page).astype(np.uint16)) * 257)
    assert recall(read_file(as_file(deep, "deep.png"), "image")) > 0.9


def test_unsquare_fax_pixels_are_made_square(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page().resize((900, 350), Image.Resampling.LANCZOS)
    page.info["dpi"] = (150, 75)
    read = read_file(as_file(page, "fax.tiff"), "image")
    assert recall(read) > 0.8
    assert read.page.width / read.page.height == pytest.approx(900 / 700, rel=0.01)


def test_each_frame_of_a_tiff_is_a_page(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    second = draw_page(["Second page of the fax"], size=(700, 300)).convert("1")
    path = as_file(draw_page(), "a.tiff", save_all=True, append_images=[second])
    read = read_file(path, "image", pages=2)
    first_text, second_text = read.text.split("\f")
    assert first_text.startswith("The committee")
    assert second_text == "Second page of the fax"
    assert [page.number for page in read.result.pages] == [1, 2]


def test_the_same_page_gives_the_same_bytes_whatever_was_read_before(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    path = as_file(draw_page(), "a.png")
    once = read_file(path, "image").assembled
    read_file(as_file(draw_page(["Zebra quiz 4711 VEXED"]), "b.png"), "image")
    again = read_file(path, "image").assembled
    assert again == once


def test_a_giant_page_is_read_at_a_resolution_that_fits(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile, scan_pdf: Callable[..., bytes]
) -> None:
    # The page measures 60 by 47 inches.
    path = as_file(scan_pdf(draw_page(), dpi=15), "poster.pdf")
    read = read_file(path, config=OcrConfig(dpi=300, max_pixels=1_000_000))
    assert read.page.dpi is not None
    assert read.page.dpi**2 * 60 * 46.7 <= 1_000_000
    assert recall(read) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 3000), (3000, 2)])
def test_images_too_small_to_hold_text_are_no_error(
    size: tuple[int, int], as_file: SaveFile, read_file: ReadFile
) -> None:
    noise = np.random.default_rng(1).integers(0, 2, size[::-1], dtype=np.uint8) * 255
    read = read_file(as_file(Image.fromarray(noise), "tiny.png"), "image")
    assert len(read.result.pages) == 1
    assert read.assembled.pdf is not None


def test_the_time_of_a_file_does_not_hold_for_what_is_read_after_it(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    read_file(as_file(draw_page(), "page.png"), "image")
    assert seconds_left() == float("inf")


def test_a_page_that_takes_too_long_is_doubted_and_the_next_one_read(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    path = as_file(draw_page(), "a.png")
    read = read_file(path, "image", config=OcrConfig(page_seconds=0.001))
    assert read.text == ""
    assert read.page.doubts == ("recognition of the page takes too long",)
    assert recall(read_file(path, "image")) > 0.9


def test_fields_of_a_scanned_form_keep_their_names(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    image = draw_page(["Please write clearly"])
    out = io.BytesIO()
    form = canvas.Canvas(out, pagesize=(432, 336))
    form.drawInlineImage(image, 0, 0, 432, 336)
    form.acroForm.textfield(name="surname", value="Lovelace", x=40, y=150, width=200, height=24)
    form.save()
    read = read_file(as_file(out.getvalue(), "form.pdf"))
    assert "Please write clearly" in read.text
    assert "Lovelace" in read.words()
    (pair,) = read.page.key_values
    assert (pair.key, pair.value) == ("surname", "Lovelace")
    assert pair.value_box is not None
    x, y = read.box_of("Lovelace")
    assert pair.value_box.left < x < pair.value_box.left + pair.value_box.width
    assert pair.value_box.top < y < pair.value_box.top + pair.value_box.height


def test_the_light_letters_of_a_dark_bar_are_read_with_the_rest(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page(PROSE[:4])
    for left, top, lines in ((60, 310, ("Item Quantity Price",)), (500, 560, ("Total 47.11",))):
        bar = ImageOps.invert(draw_page(lines, size=(350, 100)).crop((60, 50, 440, 110)))
        page.paste(bar, (left, top))
    read = read_file(as_file(page, "bars.png"), "image")
    assert "Item Quantity Price" in read.text
    assert "Total 47.11" in read.text
    assert PROSE[0] in read.text
    assert read.page.doubts == ()


def test_white_letters_on_a_transparent_picture_are_read(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    letters = ImageOps.invert(draw_page())
    picture = Image.new("RGBA", letters.size, (255, 255, 255, 0))
    picture.putalpha(letters)
    read = read_file(as_file(picture, "white.png"), "image")
    assert "committee" in read.text
    assert read.assembled.pdf is not None


def test_a_jpeg_without_its_end_marker_is_read(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    path = as_file(draw_page(), "a.jpg")
    path.write_bytes(path.read_bytes().removesuffix(b"\xff\xd9"))
    assert "committee" in read_file(path, "image").text


@pytest.mark.parametrize(
    ("dpi", "turn"),
    [
        (200, 90),
        pytest.param(200, 180, marks=pytest.mark.long),
        (200, 270),
        pytest.param(600, 90, marks=pytest.mark.long),
        pytest.param(600, 180, marks=pytest.mark.long),
        pytest.param(600, 270, marks=pytest.mark.long),
    ],
)
def test_a_short_letter_that_lies_on_its_side_reads_as_when_upright(
    turn: int, dpi: int, as_file: SaveFile, read_file: ReadFile
) -> None:
    lines = ("HARBOUR SUPPLIES LTD", "12 Quay Street, Milford", "14 March 2024", "Dear Sirs,")
    page = Image.new("L", (8 * dpi, 11 * dpi), 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=9 * dpi // 72)
    for number, line in enumerate(lines):
        pen.text((dpi, dpi + number * 16 * dpi // 72), line, fill=0, font=font)
    page = page.rotate(turn, expand=True)
    page.info["dpi"] = (dpi, dpi)
    read = read_file(as_file(page, "letter.png"), "image", config=OcrConfig())
    assert read.page.rotation == turn
    assert "SUPPLIES LTD" in read.text
    assert "14 March 2024" in read.text


def test_the_totals_of_a_receipt_photographed_at_an_angle_are_read(
    as_file: SaveFile, read_file: ReadFile
) -> None:
    lines = (
        ("CORNER MARKET", ""), ("Oat milk", "12.49"), ("Rye bread", "13.20"), ("Apples", "14.15"),
        ("SUBTOTAL", "39.84"), ("TOTAL", "42.63"), ("Thank you for your visit", ""),
    )  # fmt: skip
    font = ImageFont.load_default(size=34)
    paper = Image.new("L", (760, 560), 245)
    pen = ImageDraw.Draw(paper)
    for number, (label, amount) in enumerate(lines):
        pen.text((50, 60 + 64 * number), label, fill=40, font=font)
        pen.text((600, 60 + 64 * number), amount, fill=40, font=font)
    photo = Image.new("L", (1500, 2000), 150)
    cover = Image.new("L", paper.size, 255).rotate(7, expand=True)
    photo.paste(paper.rotate(7, expand=True, resample=Image.Resampling.BICUBIC), (350, 700), cover)
    read = read_file(as_file(photo.filter(ImageFilter.GaussianBlur(0.8)), "photo.png"), "image")
    assert read.text.split() == [word for line in lines for word in " ".join(line).split()]
    assert read.page.doubts == ()
