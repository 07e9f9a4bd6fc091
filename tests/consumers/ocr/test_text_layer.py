"""A PDF's own text comes with boxes, in the order of reading, whatever its characters."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen import canvas

from tests.consumers.ocr.conftest import ReadFile

SaveFile = Callable[..., Path]
Draw = Callable[[canvas.Canvas], object]


@pytest.fixture
def text_pdf(as_file: SaveFile) -> Callable[..., Path]:
    """Draws a PDF of one page, 400 by 300 points, in Helvetica 12."""

    def make(draw: Draw, change: Callable[[pikepdf.Page], object] | None = None) -> Path:
        out = io.BytesIO()
        page = canvas.Canvas(out, pagesize=(400, 300))
        page.setFont("Helvetica", 12)
        draw(page)
        page.save()
        data = out.getvalue()
        if change:
            with pikepdf.open(io.BytesIO(data)) as pdf:
                change(pdf.pages[0])
                changed = io.BytesIO()
                pdf.save(changed)
            data = changed.getvalue()
        return as_file(data, "text.pdf")

    return make


def test_words_have_the_boxes_they_are_drawn_in(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    read = read_file(
        text_pdf(lambda c: c.drawString(100, 200, "Hello wide world")), "pdf", "text-layer"
    )
    assert read.text == "Hello wide world"
    _, wide, _ = read.page.words
    assert wide.confidence == 1
    left = 100 + pdfmetrics.stringWidth("Hello ", "Helvetica", 12)
    assert wide.left * 400 == pytest.approx(left, abs=1)
    assert wide.width * 400 == pytest.approx(pdfmetrics.stringWidth("wide", "Helvetica", 12), abs=1)
    assert wide.top * 300 < 100 < (wide.top + wide.height) * 300 + 1
    assert 8 < wide.height * 300 < 18


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_boxes_are_those_of_the_page_as_it_is_shown(
    turn: int, text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def change(page: pikepdf.Page) -> None:
        page.obj["/Rotate"] = turn
        page.obj["/CropBox"] = pikepdf.Array([50, 20, 390, 290])

    path = text_pdf(lambda c: c.drawString(100, 200, "Hello"), change)
    page = read_file(path, "pdf", "text-layer").page
    word = page.words[0]
    x, y = word.left + word.width / 2, word.top + word.height / 2
    middle = 100 + pdfmetrics.stringWidth("Hello", "Helvetica", 12) / 2
    across, down = (middle - 50) / 340, (290 - 204) / 270
    seen = {90: (1 - down, across), 180: (1 - across, 1 - down), 270: (down, 1 - across)}
    assert (x, y) == pytest.approx(seen[turn], abs=0.015)
    assert (page.width, page.height) == ((270, 340) if turn != 180 else (340, 270))


def test_columns_drawn_line_by_line_are_read_one_after_the_other(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(30, 250, "One title that stands above both of the columns of the page")
        for row in range(6):
            page.drawString(30, 200 - 20 * row, f"left {row} holds a few words")
            page.drawString(220, 200 - 20 * row, f"right {row} holds others")

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    title, *lines = read.text.split("\n")
    assert title.startswith("One title")
    sides = [line.split()[:2] for line in lines if line]
    assert sides == [[side, str(row)] for side in ("left", "right") for row in range(6)]


def test_lines_drawn_from_the_bottom_up_are_read_from_the_top_down(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        for row in (3, 2, 1, 0):
            page.drawString(30, 200 - 20 * row, f"line {row}")

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    assert read.text.split()[1::2] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("turn", [90, 270])
def test_lines_that_run_down_or_up_the_page_are_read_in_their_order(
    turn: int, text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        for number, line in enumerate(("The first line", "then the second", "", "apart the last")):
            page.drawString(40, 250 - 16 * number, line)

    def turn_page(page: pikepdf.Page) -> None:
        page.Rotate = turn

    read = read_file(text_pdf(draw, turn_page), "pdf", "text-layer")
    assert read.text == "The first line\nthen the second\n\napart the last"
    first, last = read.page.words[0], read.page.words[-1]
    assert (first.left > last.left) == (turn == 90)


def test_a_line_that_stands_sideways_beside_the_others_is_read_in_its_order(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        for row in range(6):
            page.drawString(60, 250 - 40 * row, f"line {row} holds a few words and goes on")
        page.rotate(90)
        page.drawString(40, -30, "archive number 4711 of May")

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    lines = [line for line in read.text.split("\n") if line]
    assert lines[-1] == "archive number 4711 of May"
    assert [line.split()[1] for line in lines[:-1]] == [str(row) for row in range(6)]


def test_a_word_divided_at_the_end_of_a_line_is_two_words_in_two_places(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(30, 200, "this function is a func-")
        page.drawString(30, 185, "tion of time")

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    assert read.text == "this function is a func-\ntion of time"
    assert all(word.height * 300 < 20 for word in read.page.words)


def test_paragraphs_are_set_apart(text_pdf: Callable[..., Path], read_file: ReadFile) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(30, 200, "one one")
        page.drawString(30, 185, "one two")
        page.drawString(30, 140, "two one")

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    assert read.text == "one one\none two\n\ntwo one"


def test_characters_outside_the_basic_plane_and_ligatures_keep_words_in_place(
    as_file: SaveFile, read_file: ReadFile
) -> None:
    from lineal_consumers.ocr.page_geometry import Affine
    from lineal_consumers.ocr.searchable_pdf import PageWriter
    from lineal_schemas.results import Page, Word

    text = "grüße 𝒳𝓎𝓏 ﬁsh end"
    boxes = [0.1, 0.3, 0.5, 0.7]
    starts = [0, 6, 10, 14]
    words = tuple(
        Word(start, start + len(spoken), 1.0, left, 0.5, 0.15, 0.05, 0)
        for start, left, spoken in zip(starts, boxes, text.split(), strict=True)
    )
    pdf = pikepdf.new()
    target = pdf.add_blank_page(page_size=(400, 300))
    writer = PageWriter(pdf)
    page = Page(number=1, begin=0, end=len(text), width=400, height=300, source="ocr", words=words)
    writer.add_text(target, page, text, Affine(1, 0, 0, -1, 0, 300))
    read = read_file(as_file(writer.to_bytes(), "unicode.pdf"), "pdf", "text-layer")
    assert read.words() == ["grüße", "𝒳𝓎𝓏", "fish", "end"]
    assert [word.left for word in read.page.words] == pytest.approx(boxes, abs=0.005)


def test_ruled_tables_of_digital_pages_are_found(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.grid([50, 150, 250], [100, 120, 140, 160])
        for row, cells in enumerate((("Item", "Price"), ("Green tea", "4.20"), ("Bread", "2.10"))):
            for column, cell in enumerate(cells):
                page.drawString(55 + 100 * column, 146 - 20 * row, cell)

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    (table,) = read.page.tables
    assert table.rows == (("Item", "Price"), ("Green tea", "4.20"), ("Bread", "2.10"))
    assert table.box is not None
    assert table.box.left == pytest.approx(50 / 400, abs=0.01)
    assert table.box.width == pytest.approx(200 / 400, abs=0.01)
    assert read.assembled.csv == b"Item,Price\nGreen tea,4.20\nBread,2.10\n"


def test_what_was_typed_into_form_fields_is_key_values_and_text(
    text_pdf: Callable[..., Path], read_file: ReadFile
) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(30, 200, "Application")
        page.acroForm.textfield(
            name="full_name", value="Zoë Müller-Lüdenscheidt", x=100, y=100, width=200, height=20
        )
        page.acroForm.textfield(name="empty", value="", x=100, y=60, width=200, height=20)
        page.acroForm.checkbox(name="agreed", checked=True, x=100, y=30)

    read = read_file(text_pdf(draw), "pdf", "text-layer")
    values = {pair.key: pair.value for pair in read.page.key_values}
    assert values["full_name"] == "Zoë Müller-Lüdenscheidt"
    assert "empty" not in values
    assert values["agreed"] == "Yes"
    assert "Müller-Lüdenscheidt" in read.words()
    x, y = read.box_of("Müller-Lüdenscheidt")
    assert 100 / 400 < x < 300 / 400
    assert y == pytest.approx((300 - 110) / 300, abs=0.02)


def test_a_broken_page_is_doubted_and_the_others_are_read(
    as_file: SaveFile, read_file: ReadFile
) -> None:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=(400, 300))
    for number in (1, 2):
        page.drawString(30, 200, f"page number {number}")
        page.showPage()
    page.save()
    with pikepdf.open(io.BytesIO(out.getvalue())) as pdf:
        pdf.pages[0].obj["/MediaBox"] = pikepdf.Array([0, 0, 0, 0])
        pdf.pages[0].obj["/Type"] = pikepdf.Name("/Nothing")
        broken = io.BytesIO()
        pdf.save(broken)
    read = read_file(as_file(broken.getvalue(), "broken.pdf"), "pdf", "text-layer", pages=2)
    assert read.text.endswith("\fpage number 2")
