"""Form fields whose appearance and value differ."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from lineal_consumers.ocr.field_conflicts import FIELD_CONFLICT
from tests.consumers.ocr.conftest import ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, typed, written

_HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
_BOX = [60, 580, 260, 600]


def _form(shown: str, **field: Any) -> bytes:
    """A page of text with a field that is drawn as a text."""
    with pikepdf.open(io.BytesIO(written(typed(*PROSE)))) as pdf:
        drawn = pdf.make_stream(b"BT /F 12 Tf 2 5 Td (%s) Tj ET" % shown.encode())
        drawn.update(
            Dictionary(
                Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 200, 20],
                Resources=Dictionary(Font=Dictionary(F=_HELVETICA)),
            )
        )  # fmt: skip
        states = Dictionary(Yes=drawn, Off=pdf.make_stream(b""))
        widget = pdf.make_indirect(
            Dictionary(
                Type=Name.Annot, Subtype=Name.Widget, Rect=_BOX, T=String("amount"),
                AP=Dictionary(N=states if field["FT"] == Name.Btn else drawn), **field,
            )
        )  # fmt: skip
        pdf.pages[0].obj.Annots = Array([widget])
        pdf.Root.AcroForm = Dictionary(
            Fields=Array([widget]), DR=Dictionary(Font=Dictionary(F=_HELVETICA))
        )
        out = io.BytesIO()
        pdf.save(out)
        return out.getvalue()


def _text(value: str) -> dict[str, Any]:
    return {"FT": Name.Tx, "V": String(value)}


_COUNTRY = {
    "FT": Name.Ch, "Ff": 1 << 17, "V": String("de"),
    "Opt": Array([Array(map(String, pair)) for pair in (("de", "Germany"), ("fr", "France"))]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "field"),
    [
        pytest.param("9000", _text("1000"), id="number"),
        pytest.param("10,000", _text("1000"), id="ten-times"),
        pytest.param("Bob Krause", _text("Alice Meyer"), id="name"),
        pytest.param("06.03.2025", _text("2026-03-05"), id="date"),
        pytest.param("first line", _text("first line, second line"), id="part"),
        pytest.param("", _text("never drawn"), id="nothing"),
        pytest.param("France", _COUNTRY, id="choice"),
        pytest.param("X", {"FT": Name.Btn, "V": Name.Yes, "AS": Name.Off}, id="unticked"),
        pytest.param("X", {"FT": Name.Btn, "V": Name.Off, "AS": Name.Yes}, id="ticked"),
    ],
)
def test_a_field_that_shows_something_else_than_its_value_is_doubted_at_its_place(
    shown: str, field: dict[str, Any], read_pdf: ReadPdf
) -> None:
    read, doubts = read_pdf(_form(shown, **field))
    (doubt,) = doubts
    assert doubt.reasons == (FIELD_CONFLICT,)
    (place,) = doubt.places
    assert place.left == pytest.approx(60 / 612, abs=0.01)
    assert place.top == pytest.approx((792 - 600) / 792, abs=0.01)
    if field["FT"] == Name.Tx:
        assert {*shown.split(), *str(field["V"]).split()} <= set(read.text.split())


@pytest.mark.parametrize(
    ("shown", "field"),
    [
        pytest.param("1,234.50 EUR", _text("1234.5"), id="formatted"),
        pytest.param("1.234,50", _text("1234.5"), id="german"),
        pytest.param("19 %", _text("0.19"), id="share"),
        pytest.param("5 March 2026", _text("2026-03-05"), id="date"),
        pytest.param("*****", _text("secret"), id="password"),
        pytest.param("Germany", _COUNTRY, id="choice"),
        pytest.param("X", {"FT": Name.Btn, "V": Name.Yes, "AS": Name.Yes}, id="ticked"),
    ],
)
def test_a_value_in_another_form_is_no_conflict(
    shown: str, field: dict[str, Any], read_pdf: ReadPdf
) -> None:
    assert not read_pdf(_form(shown, **field))[1]


def test_a_field_on_a_scan_is_compared_too(
    read_pdf: ReadPdf, scan_pdf: Callable[..., bytes], draw_page: Any
) -> None:
    with (
        pikepdf.open(io.BytesIO(scan_pdf(draw_page()))) as scan,
        pikepdf.open(io.BytesIO(_form("9000", **_text("1000")))) as form,
    ):
        widget = scan.copy_foreign(form.pages[0].obj.Annots[0])
        scan.pages[0].obj.Annots = Array([widget])
        scan.Root.AcroForm = Dictionary(Fields=Array([widget]))
        out = io.BytesIO()
        scan.save(out)
    _, (doubt,) = read_pdf(out.getvalue())
    assert FIELD_CONFLICT in doubt.reasons
