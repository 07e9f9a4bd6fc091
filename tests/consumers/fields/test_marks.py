"""Checkboxes, signatures and stamps are found on the page, with their boxes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.marks import find_marks
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import PageRange
from lineal_schemas.fields import ExtractedField

FORM = ClassFields(
    fields={
        "newsletter": FieldDefinition(type="checkbox", labels=("Send me the newsletter",)),
        "terms": FieldDefinition(type="checkbox", labels=("I accept the terms",)),
        "married": FieldDefinition(type="checkbox", labels=("Married",)),
        "signature": FieldDefinition(type="signature", labels=("Signature",)),
        "stamp": FieldDefinition(type="stamp"),
    }
)


def form(tick: str, *, filled: bool) -> bytes:
    """A form: with all that can be ticked, signed and stamped, or without."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(60, 780, "Application form O 0 D")
    for at, label, ticked in (
        (700, "Send me the newsletter", False), (676, "I accept the terms", filled),
    ):  # fmt: skip
        _box(canvas, 60, at, tick if ticked else "")
        canvas.drawString(78, at + 1, label)
    canvas.drawString(60, 640, "Married:")
    _box(canvas, 120, 639, "" if filled else tick)
    canvas.drawString(136, 640, "no")
    _box(canvas, 170, 639, tick if filled else "")
    canvas.drawString(186, 640, "yes")
    canvas.line(60, 200, 260, 200)
    canvas.drawString(60, 186, "Signature")
    if filled:
        canvas.setLineWidth(1.2)
        path = canvas.beginPath()
        path.moveTo(80, 205)
        for step in range(9):
            x = 80 + step * 12
            path.curveTo(x + 3, 235, x + 8, 190 + step, x + 12, 212)
        canvas.drawPath(path)
        canvas.setStrokeColorRGB(0.1, 0.2, 0.7)
        canvas.setFillColorRGB(0.1, 0.2, 0.7)
        canvas.setLineWidth(2)
        canvas.circle(430, 250, 45)
        canvas.drawCentredString(430, 247, "RECEIVED")
    canvas.save()
    return out.getvalue()


def _box(canvas: Any, x: float, y: float, tick: str) -> None:
    canvas.setLineWidth(0.8)
    canvas.rect(x, y, 10, 10)
    if tick == "cross":
        canvas.line(x - 1, y - 1, x + 11, y + 11)
        canvas.line(x - 1, y + 11, x + 11, y - 1)
    elif tick == "check":
        canvas.line(x + 2, y + 5, x + 4, y + 1)
        canvas.line(x + 4, y + 1, x + 12, y + 13)
    elif tick == "letter":
        canvas.drawString(x + 1.5, y + 1, "x")


def marks(folder: Path, data: bytes) -> dict[str, ExtractedField]:
    file = folder / "form.pdf"
    file.write_bytes(data)
    pages = PageRange(first=1, last=1, method="text-layer")
    result = read_part(str(file), "pdf", pages, OcrConfig())
    return find_marks(file, "pdf", result, FORM)


@pytest.mark.parametrize("tick", ["cross", "check", "letter"])
def test_a_filled_form(tmp_path: Path, tick: str) -> None:
    found = marks(tmp_path, form(tick, filled=True))
    assert {name: field.value for name, field in found.items()} == {
        "newsletter": "no", "terms": "yes", "married": "yes", "signature": "yes", "stamp": "yes",
    }  # fmt: skip
    box = found["signature"].box
    assert box is not None
    assert 0.7 < box.top < box.top + box.height < 0.79
    stamp = found["stamp"].box
    assert stamp is not None
    assert stamp.left == pytest.approx((430 - 45) / 595, abs=0.01)


def test_an_empty_form(tmp_path: Path) -> None:
    found = marks(tmp_path, form("cross", filled=False))
    assert {name: field.value for name, field in found.items()} == {
        "newsletter": "no", "terms": "no", "married": "no", "signature": "no", "stamp": "no",
    }  # fmt: skip
