"""What nobody sees of a PDF page is read, and the page says where; what is played is named."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from lineal_consumers.ocr.hidden import HIDDEN_TEXT, OUTSIDE, UNSEEN
from lineal_consumers.ocr.page_account import MEDIA
from tests.consumers.ocr.conftest import DrawPage, ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, pasted, typed, written
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


def clipped(canvas: Canvas) -> None:
    path = canvas.beginPath()
    path.rect(0, 0, 10, 10)
    canvas.clipPath(path, stroke=0, fill=0)
    write(canvas)


def under_a_picture(canvas: Canvas) -> None:
    write(canvas)
    pasted(Image.new("L", (8, 8), 255), 50, 390, 300)(canvas)


@pytest.mark.parametrize("draw", [white, clear, tiny, covered, invisible, clipped, under_a_picture])
def test_text_that_cannot_be_seen_is_read_and_doubted_where_it_is(
    draw: object, read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(written(typed(*PROSE), draw))  # type: ignore[arg-type]
    assert PROSE[0] in result.text
    assert SECRET in " ".join(result.text.split())
    (doubt,) = doubts
    assert doubt.reasons == (UNSEEN,)
    assert all(0.4 < place.top < 0.6 for place in doubt.places)


def clear_form(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    drawn = appearance(pdf)
    drawn.Matrix = [1, 0, 0, 1, 60, 395]
    page.obj.Resources.XObject = Dictionary(X=drawn)
    page.obj.Resources.ExtGState = Dictionary(G=Dictionary(ca=0))
    page.contents_add(b"/G gs /X Do")


def stamp_over_text(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.contents_add(f"BT /F1 12 Tf 60 400 Td ({SECRET}) Tj ET".encode())
    white_box = pdf.make_stream(b"1 g 0 0 300 30 re f")
    white_box.update(Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 300, 30]))
    page.obj.Annots = Array(
        [Dictionary(**ANNOTATION, Subtype=Name.Stamp, F=4, AP=Dictionary(N=white_box))]
    )


def white_field(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    made = pdf.make_indirect(field(pdf))
    made.AP.N.write(b"1 g " + made.AP.N.read_bytes())
    made.F = 4
    page.obj.Annots = Array([made])
    pdf.Root.AcroForm = Dictionary(
        Fields=Array([made]), DR=Dictionary(Font=Dictionary(F=HELVETICA))
    )


@pytest.mark.parametrize("change", [clear_form, stamp_over_text, white_field])
def test_text_that_forms_and_annotations_hide_is_doubted(
    change: Callable[[pikepdf.Pdf, pikepdf.Page], None], read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(changed(change))
    assert SECRET in " ".join(result.text.split())
    assert UNSEEN in [reason for doubt in doubts for reason in doubt.reasons]


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


FLAGGED = {"hidden": 1 << 1, "no-view": 1 << 5}
ANNOTATION: dict[str, Any] = {"Type": Name.Annot, "Rect": [60, 390, 360, 420]}
HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


def appearance(pdf: pikepdf.Pdf, text: str = SECRET) -> pikepdf.Stream:
    drawn = pdf.make_stream(f"BT /F 12 Tf 2 5 Td ({text}) Tj ET".encode())
    drawn.update(
        Dictionary(
            Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 300, 30],
            Resources=Dictionary(Font=Dictionary(F=HELVETICA)),
        )
    )  # fmt: skip
    return drawn


def stamp(pdf: pikepdf.Pdf) -> Dictionary:
    return Dictionary(**ANNOTATION, Subtype=Name.Stamp, AP=Dictionary(N=appearance(pdf)))


def typed_onto_it(pdf: pikepdf.Pdf) -> Dictionary:
    made = Dictionary(**ANNOTATION, Subtype=Name.FreeText, Contents=String(SECRET))
    made.AP = Dictionary(N=appearance(pdf))
    return made


def without_appearance(pdf: pikepdf.Pdf) -> Dictionary:
    return Dictionary(**ANNOTATION, Subtype=Name.FreeText, Contents=String(SECRET))


def comment(pdf: pikepdf.Pdf) -> Dictionary:
    return Dictionary(**ANNOTATION, Subtype=Name.Text, Contents=String(SECRET))


def unknown(pdf: pikepdf.Pdf) -> Dictionary:
    return Dictionary(**ANNOTATION, Subtype=Name("/Mine"), AP=Dictionary(N=appearance(pdf)))


def one_of_states(pdf: pikepdf.Pdf) -> Dictionary:
    states = Dictionary(Yes=appearance(pdf), Off=pdf.make_stream(b""))
    return Dictionary(**ANNOTATION, Subtype=Name.Widget, AS=Name.Off, AP=Dictionary(N=states))


def field(pdf: pikepdf.Pdf) -> Dictionary:
    made = Dictionary(**ANNOTATION, Subtype=Name.Widget, FT=Name.Tx, T=String("note"))
    made.V, made.AP = String(SECRET), Dictionary(N=appearance(pdf))
    return made


MAKE_ANNOTATIONS = [
    stamp, typed_onto_it, without_appearance, comment, unknown, one_of_states, field,
]  # fmt: skip


def annotated(make: Callable[[pikepdf.Pdf], Dictionary], flags: int) -> bytes:
    def change(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        annotation = pdf.make_indirect(make(pdf))
        annotation.F = flags
        page.obj.Annots = Array([annotation])
        if annotation.Subtype == Name.Widget:
            fields = Dictionary(Font=Dictionary(F=HELVETICA))
            pdf.Root.AcroForm = Dictionary(Fields=Array([annotation]), DR=fields)

    return changed(change)


@pytest.mark.parametrize("flag", FLAGGED)
@pytest.mark.parametrize("make", MAKE_ANNOTATIONS)
def test_what_hidden_annotations_say_is_read_once_and_doubted_where_it_is(
    make: Callable[[pikepdf.Pdf], Dictionary], flag: str, read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(annotated(make, FLAGGED[flag]))
    assert PROSE[0] in result.text
    assert " ".join(result.text.split()).count(SECRET) == 1
    (doubt,) = doubts
    assert doubt.reasons == (HIDDEN_TEXT,)
    assert all(0.45 < place.top < 0.55 for place in doubt.places)


@pytest.mark.parametrize("make", [stamp, typed_onto_it, comment, field])
def test_what_annotations_show_is_read_without_a_doubt(
    make: Callable[[pikepdf.Pdf], Dictionary], read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(annotated(make, 1 << 2))
    assert " ".join(result.text.split()).count(SECRET) == 1
    assert not doubts


def test_what_hidden_annotations_of_a_scan_say_is_read(
    read_pdf: ReadPdf, scan_pdf: Callable[..., bytes], draw_page: DrawPage
) -> None:
    with pikepdf.open(io.BytesIO(scan_pdf(draw_page()))) as pdf:
        annotation = pdf.make_indirect(stamp(pdf))
        annotation.F, annotation.Rect = FLAGGED["hidden"], [60, 10, 360, 40]
        pdf.pages[0].obj.Annots = Array([annotation])
        out = io.BytesIO()
        pdf.save(out)
    result, doubts = read_pdf(out.getvalue())
    assert "committee" in result.text
    assert SECRET in " ".join(result.text.split())
    assert [doubt.reasons for doubt in doubts] == [(HIDDEN_TEXT,)]


def test_a_hidden_annotation_of_no_size_is_read(read_pdf: ReadPdf) -> None:
    def make(pdf: pikepdf.Pdf) -> Dictionary:
        made = field(pdf)
        made.Rect = [0, 0, 0, 0]
        return made

    result, doubts = read_pdf(annotated(make, FLAGGED["hidden"]))
    assert SECRET in " ".join(result.text.split())
    assert [doubt.reasons for doubt in doubts] == [(HIDDEN_TEXT,)]


@pytest.mark.parametrize("policy", ["", "/AllOn", "/AnyOn", "/AllOff"])
@pytest.mark.parametrize("make", [stamp, field, typed_onto_it])
def test_annotations_on_a_layer_that_is_switched_off_are_hidden(
    make: Callable[[pikepdf.Pdf], Dictionary], policy: str, read_pdf: ReadPdf
) -> None:
    def change(pdf: pikepdf.Pdf) -> Dictionary:
        layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("draft")))
        pdf.Root.OCProperties = Dictionary(
            OCGs=Array([layer]), D=Dictionary(OFF=Array([layer]), Order=Array([layer]))
        )
        made = make(pdf)
        made.OC = layer
        if policy:
            made.OC = Dictionary(Type=Name.OCMD, OCGs=layer, P=Name(policy))
        return made

    result, doubts = read_pdf(annotated(change, 1 << 2))
    assert " ".join(result.text.split()).count(SECRET) == 1
    hidden = policy != "/AllOff"
    assert [doubt.reasons for doubt in doubts] == ([(HIDDEN_TEXT,)] if hidden else [])


def test_what_a_link_draws_is_read(read_pdf: ReadPdf) -> None:
    def link(pdf: pikepdf.Pdf) -> Dictionary:
        return Dictionary(**ANNOTATION, Subtype=Name.Link, AP=Dictionary(N=appearance(pdf)))

    result, doubts = read_pdf(annotated(link, 1 << 2))
    assert SECRET in " ".join(result.text.split())
    assert not doubts
