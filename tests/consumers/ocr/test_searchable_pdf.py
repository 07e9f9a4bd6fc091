"""Every scan becomes a PDF that looks the same and can be searched, whatever its characters."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from lineal_consumers.ocr.page_geometry import Affine
from lineal_consumers.ocr.searchable_pdf import PageWriter
from lineal_schemas.results import Page, Word
from tests.consumers.ocr.conftest import PROSE, DrawPage, ReadFile
from tests.long import examples

SaveFile = Callable[..., Path]
ScanPdf = Callable[..., bytes]


def extracted(data: bytes, page: int = 0) -> str:
    document = pdfium.PdfDocument(data)
    return str(document[page].get_textpage().get_text_range())


def rendered(data: bytes | Path, page: int = 0) -> np.ndarray:
    document = pdfium.PdfDocument(data)
    return np.array(document[page].render(scale=1, grayscale=True).to_numpy(), dtype=float)


def box_in_pdf(data: bytes, spoken: str) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a found text in PDF user space."""
    text_page = pdfium.PdfDocument(data)[0].get_textpage()
    index, count = text_page.search(spoken, match_case=True).get_next()
    boxes = [text_page.get_charbox(i) for i in range(index, index + count)]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def with_text(words: list[str]) -> bytes:
    """A PDF page with these words under each other."""
    text = "\n".join(words)
    placed, begin = [], 0
    for number, word in enumerate(words):
        top = 0.05 + 0.9 * number / len(words)
        placed.append(Word(begin, begin + len(word), 1.0, 0.1, top, 0.5, 0.02, number))
        begin += len(word) + 1
    page = Page(
        number=1, begin=0, end=len(text), width=400, height=600, source="ocr", words=tuple(placed)
    )
    pdf = pikepdf.new()
    writer = PageWriter(pdf)
    target = pdf.add_blank_page(page_size=(400, 600))
    writer.add_text(target, page, text, Affine(1, 0, 0, -1, 0, 600))
    return writer.to_bytes()


few = settings(max_examples=examples(25))
letters = st.characters(categories=("Lu", "Ll", "Lo", "Nd", "Sc", "So"))


@few
@given(st.lists(st.text(letters, min_size=1, max_size=8), min_size=1, max_size=6))
@example(["日本語", "Ελλάδα", "हिन्दी", "𝒳𝓎", "😀", "ا"])
def test_any_words_can_be_extracted_again(words: list[str]) -> None:
    from pdfminer.high_level import extract_text

    data = with_text(words)
    assert sorted(extract_text(io.BytesIO(data)).split()) == sorted(words)


@few
@given(st.text(st.characters(), min_size=1, max_size=20))
@example("\ud800\x00(\\)<>")
def test_no_character_at_all_aborts_the_document(word: str) -> None:
    assert len(pdfium.PdfDocument(with_text([word, "found"]))) == 1
    assert "found" in extracted(with_text([word, "found"]))


def test_more_rare_characters_than_codes_leaves_the_others_alone() -> None:
    rare = "".join(chr(0x20000 + index) for index in range(3000))
    assert "found" in extracted(with_text([rare, "found"]))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("stored", [0, 90, 180])
def test_words_stand_on_the_scan_where_they_are_seen(
    turn: int,
    stored: int,
    draw_page: DrawPage,
    scan_pdf: ScanPdf,
    as_file: SaveFile,
    read_file: ReadFile,
) -> None:
    """``turn``: the page's own /Rotate; ``stored``: how the picture lies on the page."""
    image = draw_page().rotate(stored, expand=True)
    with pikepdf.open(io.BytesIO(scan_pdf(image))) as pdf:
        pdf.pages[0].obj["/Rotate"] = turn
        box = pdf.pages[0].mediabox
        pdf.pages[0].obj["/CropBox"] = pikepdf.Array([10, 5, float(box[2]), float(box[3])])
        changed = io.BytesIO()
        pdf.save(changed)
    path = as_file(changed.getvalue(), "scan.pdf")
    read = read_file(path)
    made = read.assembled.pdf
    assert made is not None
    assert "Several" in extracted(made)
    # As it was, and upright.
    upright = np.rot90(rendered(path), -read.page.rotation // 90)
    assert np.abs(rendered(made) - upright).max() == 0
    left, bottom, right, top = box_in_pdf(made, "Several")
    # Where the ink of the word is, in the coordinates of the drawing: 432 by 336 points, y down.
    x, y = (80 + 55) * 0.48, (60 + 4 * 60 + 18) * 0.48
    expected = {0: (x, 336 - y), 90: (y, x), 180: (432 - x, y)}[stored]
    assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx(expected, abs=5)
    long, short = 52, 14
    sides = (long, short) if stored != 90 else (short, long)
    assert right - left == pytest.approx(sides[0], abs=8)
    assert top - bottom == pytest.approx(sides[1], abs=8)


def test_pages_that_share_their_resources_are_not_mixed_up(
    draw_page: DrawPage, scan_pdf: ScanPdf, as_file: SaveFile, read_file: ReadFile
) -> None:
    with pikepdf.open(io.BytesIO(scan_pdf(draw_page()))) as pdf:
        pdf.pages[0].obj["/Resources"] = pdf.make_indirect(pdf.pages[0].resources)
        pdf.pages.append(pdf.pages[0])
        changed = io.BytesIO()
        pdf.save(changed)
    made = read_file(as_file(changed.getvalue(), "two.pdf"), pages=2).assembled.pdf
    assert made is not None
    for number in (0, 1):
        assert extracted(made, number).count("committee") == 1


def test_a_pdf_with_a_text_layer_is_its_own_searchable_pdf(
    as_file: SaveFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(with_text(["only", "text"]), "text.pdf"), "pdf", "text-layer")
    assert read.text.split() == ["only", "text"]
    assert read.assembled.pdf is None


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        *(("png", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *(("jpg", mode) for mode in ("L", "RGB", "CMYK")),
        *(("tiff", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK")),
    ],
)
def test_an_image_of_any_kind_becomes_a_page_of_its_size(
    format: str, mode: str, draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    page = draw_page(["Findable words"], size=(450, 150))
    path = as_file(page.convert(mode), f"page.{format}")
    made = read_file(path, "image").assembled.pdf
    assert made is not None
    assert pdfium.PdfDocument(made)[0].get_size() == pytest.approx((216, 72), abs=0.5)
    assert extracted(made).split() == ["Findable", "words"]
    small = np.asarray(page.resize((216, 72), Image.Resampling.BOX), dtype=float)
    assert np.abs(rendered(made) - small).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_picture_is_shown_as_its_exif_orientation_says(
    orientation: int, draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    page = draw_page(["Findable words"], size=(450, 150))
    stored = page.transpose(undo[orientation]) if orientation > 1 else page
    stored.info["dpi"] = (150, 150)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = as_file(stored, "camera.jpg", exif=exif, quality=95)
    made = read_file(path, "image").assembled.pdf
    assert made is not None
    assert extracted(made).split() == ["Findable", "words"]
    small = np.asarray(page.resize((216, 72), Image.Resampling.BOX), dtype=float)
    assert np.abs(rendered(made) - small).mean() < 12


def test_image_data_is_taken_over_as_it_is(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    path = as_file(draw_page(), "page.jpg")
    made = read_file(path, "image").assembled.pdf
    assert made is not None
    assert path.read_bytes() in made


def test_an_image_lying_on_its_side_is_shown_upright(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    path = as_file(draw_page().rotate(90, expand=True), "side.png")
    made = read_file(path, "image").assembled.pdf
    assert made is not None
    page = pdfium.PdfDocument(made)[0]
    assert page.get_size() == pytest.approx((432, 336), abs=0.5)
    assert "committee met on Tuesday" in extracted(made)


@pytest.mark.parametrize("degrees", [4, -7, 93])
def test_other_readers_find_the_words_of_a_skewed_scan(
    degrees: int,
    draw_page: DrawPage,
    scan_pdf: Callable[..., bytes],
    as_file: Callable[..., Path],
    read_file: ReadFile,
) -> None:
    """Poppler is what most viewers on Linux show PDFs with."""
    if shutil.which("pdftotext") is None:
        pytest.skip("not available here: poppler: install poppler-utils")
    turned = draw_page(PROSE).rotate(
        degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC
    )
    read = read_file(as_file(scan_pdf(turned), "skewed.pdf"))
    assert read.assembled.pdf is not None
    searchable = as_file(read.assembled.pdf, "searchable.pdf")
    done = subprocess.run(["pdftotext", searchable, "-"], capture_output=True, check=True)
    wanted = {word for line in PROSE for word in line.split()}
    assert len(wanted & set(done.stdout.decode().split())) >= 0.95 * len(wanted)
