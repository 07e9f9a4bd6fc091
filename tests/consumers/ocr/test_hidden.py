"""What nobody sees of a PDF page is read, and the page says where; what is played is named."""

from __future__ import annotations

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from reportlab.pdfgen.canvas import Canvas

from lineal_consumers.ocr.hidden import OUTSIDE, UNSEEN
from lineal_consumers.ocr.page_account import MEDIA
from tests.consumers.ocr.conftest import ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, typed, written
from tests.consumers.ocr.test_damaged_pages import changed

SECRET = "pay 4711 to the other account"


def write(canvas: Canvas, x: float = 60, y: float = 400, size: float = 12) -> None:
    canvas.setFont("Helvetica", size)
    canvas.drawString(x, y, SECRET)


def white(canvas: Canvas) -> None:
    canvas.setFillGray(1)
    write(canvas)


def clear(canvas: Canvas) -> None:
    canvas.setFillAlpha(0)
    write(canvas)


def tiny(canvas: Canvas) -> None:
    write(canvas, size=1)


def covered(canvas: Canvas) -> None:
    write(canvas)
    canvas.setFillGray(0)
    canvas.rect(50, 390, 300, 30, stroke=0, fill=1)


def invisible(canvas: Canvas) -> None:
    text = canvas.beginText(60, 400)
    text.setTextRenderMode(3)
    text.setFont("Helvetica", 12)
    text.textOut(SECRET)
    canvas.drawText(text)


@pytest.mark.parametrize("draw", [white, clear, tiny, covered, invisible])
def test_text_that_cannot_be_seen_is_read_and_doubted_where_it_is(
    draw: object, read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(written(typed(*PROSE), draw))  # type: ignore[arg-type]
    assert PROSE[0] in result.text
    assert SECRET in " ".join(result.text.split())
    (doubt,) = doubts
    assert doubt.reasons == (UNSEEN,)
    assert all(0.4 < place.top < 0.6 for place in doubt.places)


def test_white_text_on_a_dark_ground_is_seen(read_pdf: ReadPdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillGray(0.2)
        canvas.rect(50, 390, 300, 30, stroke=0, fill=1)
        white(canvas)

    result, doubts = read_pdf(written(typed(*PROSE), draw))
    assert SECRET in result.text
    assert not doubts


def test_text_outside_of_the_crop_box_is_read_and_doubted(read_pdf: ReadPdf) -> None:
    def crop(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        page.obj.CropBox = [0, 200, 612, 792]
        page.contents_add(f"BT /F1 12 Tf 60 100 Td ({SECRET}) Tj ET".encode())

    result, doubts = read_pdf(changed(crop))
    assert PROSE[0] in result.text
    assert SECRET in " ".join(result.text.split())
    (doubt,) = doubts
    assert doubt.reasons == (OUTSIDE,)
    assert all(0 <= p.left <= 1 and 0 <= p.top <= 1 and p.top + p.height <= 1 for p in doubt.places)


@pytest.mark.parametrize("kind", ["Screen", "RichMedia", "Movie", "Sound", "3D"])
def test_films_sounds_and_models_are_named(kind: str, read_pdf: ReadPdf) -> None:
    def play(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        played = Dictionary(Type=Name.Annot, Subtype=Name("/" + kind), Rect=[61.2, 79.2, 306, 396])
        page.obj.Annots = Array([pdf.make_indirect(played)])

    result, doubts = read_pdf(changed(play))
    assert PROSE[0] in result.text
    (doubt,) = doubts
    assert doubt.reasons == (MEDIA,)
    (place,) = doubt.places
    assert (place.left, place.top, place.width) == pytest.approx((0.1, 0.5, 0.4), abs=0.01)
