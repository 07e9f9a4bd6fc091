"""Forms that were printed, filled in and scanned: turned, grey, noisy, read by Tesseract."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineal_consumers.fields.checkboxes import box_of_label, checkboxes
from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.drawn import Mark
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.marks import find_marks
from lineal_consumers.fields.memory import Memory
from lineal_consumers.fields.page_labels import Words
from lineal_consumers.fields.rules import NO_BOX
from lineal_consumers.fields.segments import sheet_of, words_of
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import PageRange
from lineal_schemas.fields import ExtractedField
from lineal_schemas.results import Page, TextResult, Word

FORM = ClassFields(
    fields={
        "town": FieldDefinition(type="text", labels=("town",)),
        "born": FieldDefinition(type="date", labels=("date of birth",)),
        "resident": FieldDefinition(type="checkbox", labels=("resident abroad",)),
        "diabetes": FieldDefinition(type="checkbox", labels=("diabetes",)),
        "pets": FieldDefinition(type="checkbox", labels=("i keep pets",)),
        "terms": FieldDefinition(type="checkbox", labels=("i accept the terms",)),
        "signature": FieldDefinition(type="signature", labels=("signature",)),
        "stamp": FieldDefinition(type="stamp"),
    }
)


def _box(canvas: Any, x: float, y: float, *, ticked: bool) -> None:
    canvas.rect(x, y, 10, 10)
    if ticked:
        canvas.line(x, y, x + 10, y + 10)
        canvas.line(x, y + 10, x + 10, y)


def _form(*, filled: bool) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(60, 790, "City office: application of residents, please fill in by hand")
    for y, number, label, value in (
        (740, 1, "Town", "Chester CH1 2HU"), (710, 2, "Date of birth", "14.05.1981"),
    ):  # fmt: skip
        canvas.drawString(60, y, f"{number}.  {label}")
        canvas.drawString(250, y, value)
    canvas.drawString(330, 660, "Yes")
    canvas.drawString(400, 660, "No")
    canvas.drawString(60, 640, "Resident abroad")
    for x, ticked in ((334, filled), (402, not filled)):
        _box(canvas, x, 639, ticked=ticked)
    canvas.drawString(60, 610, "Diabetes:")
    for x, word, ticked in ((250, "yes", not filled), (320, "no", filled)):
        _box(canvas, x, 609, ticked=ticked)
        canvas.drawString(x + 14, 610, word)
    canvas.drawString(60, 580, "I keep pets")
    _box(canvas, 250, 579, ticked=filled)
    canvas.circle(65, 554, 5)
    if filled:
        canvas.circle(65, 554, 2.5, fill=1)
    canvas.drawString(78, 550, "I accept the terms")
    canvas.rect(60, 380, 240, 60)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(66, 428, "Signature")
    if filled:
        canvas.setLineWidth(1.2)
        path = canvas.beginPath()
        path.moveTo(80, 392)
        for step in range(9):
            x = 80 + step * 12
            path.curveTo(x + 3, 416, x + 8, 386 + step, x + 12, 398)
        canvas.drawPath(path)
        canvas.setLineWidth(2)
        canvas.translate(440, 400)
        canvas.rotate(9)
        canvas.rect(-50, -14, 100, 28)
        canvas.drawCentredString(0, -4, "RECEIVED")
    canvas.save()
    return out.getvalue()


def _scanned(pdf: bytes, degrees: float) -> bytes:
    import pypdfium2
    from PIL import Image, ImageFilter

    image = pypdfium2.PdfDocument(pdf)[0].render(scale=200 / 72, grayscale=True).to_pil()
    image = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float32) * 0.88 + 15
    pixels += np.random.default_rng(3).normal(0, 8, pixels.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
        out, "JPEG", quality=80, dpi=(200, 200)
    )
    return out.getvalue()


def _read(folder: Path, *, filled: bool, degrees: float) -> dict[str, ExtractedField]:
    file = folder / "form.jpg"
    file.write_bytes(_scanned(_form(filled=filled), degrees))
    pages = PageRange(first=1, last=1, method="ocr")
    result = read_part(str(file), "image", pages, OcrConfig())
    marks = find_marks(file, "image", result, FORM)
    reading = Reading.of(TextResult.from_gzip(result), None)
    values = extract_fields(reading, FORM, "application", Memory(), marks)
    return {field.name: field for field in values.fields}


def test_a_filled_in_form_that_was_scanned_askew(tmp_path: Path) -> None:
    found = _read(tmp_path, filled=True, degrees=1.0)
    assert {name: field.value for name, field in found.items()} == {
        "town": "Chester CH1 2HU", "born": "1981-05-14", "resident": "yes", "diabetes": "no",
        "pets": "yes", "terms": "yes", "signature": "yes", "stamp": "yes",
    }  # fmt: skip
    for name, left, top in (
        ("resident", 334, 193), ("diabetes", 250, 223), ("pets", 250, 253), ("terms", 60, 283),
        ("signature", 80, 434), ("stamp", 390, 420),
    ):  # fmt: skip
        box = found[name].box
        assert box is not None, name
        assert (box.left * 595, box.top * 842) == pytest.approx((left, top), abs=14), name


def test_an_empty_form_that_was_scanned_askew(tmp_path: Path) -> None:
    found = _read(tmp_path, filled=False, degrees=-0.9)
    assert {name: found[name].value for name in FORM.fields if name not in ("town", "born")} == {
        "resident": "no", "diabetes": "yes", "pets": "no", "terms": "no", "signature": "no",
        "stamp": "no",
    }  # fmt: skip
    # Without colours a stamp's frame could have been taken for one of the form's: it is asked.
    assert found["stamp"].confidence < 0.5


def test_a_label_without_anything_to_tick_beside_it_is_asked_about(tmp_path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    for y in range(760, 500, -20):
        canvas.drawString(60, y, "I accept the terms" if y == 700 else "and other lines of a form")
    canvas.save()
    file = tmp_path / "form.jpg"
    file.write_bytes(_scanned(out.getvalue(), 0.5))
    pages = PageRange(first=1, last=1, method="ocr")
    result = read_part(str(file), "image", pages, OcrConfig())
    found = find_marks(file, "image", result, FORM)
    assert (found["terms"].value, found["terms"].problems) == (None, (NO_BOX,))
    assert "pets" not in found


def words(*placed: tuple[str, float, float, float]) -> Words:
    """Words with their left and right edges and their middles, in points of A4."""
    text = " ".join(one[0] for one in placed)
    at, made = 0, []
    for line, (word, left, right, middle) in enumerate(placed):
        made.append(
            Word(at, at + len(word), 0.95, left / 595, (middle - 5) / 842, (right - left) / 595,
                 10 / 842, line)
        )  # fmt: skip
        at += len(word) + 1
    page = Page(
        number=1, begin=0, end=len(text), width=595, height=842, source="ocr", words=tuple(made)
    )
    return Words(sheet_of(text, page))


def box(left: float, middle: float, *, ticked: bool) -> Mark:
    return Mark(round(left * 2), round(middle * 2 - 10), 20, 20, ticked)


def answer(label: str, read: Words, *boxes: Mark) -> Mark | None:
    return box_of_label([words_of(label)], read, boxes, 2.0)


def test_a_box_belongs_to_the_words_behind_it_also_where_it_was_read_as_one_of_them() -> None:
    row = words(("Newsletter", 60, 126, 100), ("Dog", 216, 240, 100), ("Ich", 338, 352, 100),
                ("stimme", 355, 390, 100), ("zu", 394, 405, 100))  # fmt: skip
    first, second = box(63, 100, ticked=False), box(200, 100, ticked=True)
    third = box(342, 100, ticked=False)
    assert answer("newsletter", row, first, second, third) == first
    assert answer("dog", row, first, second, third) == second
    assert answer("ich stimme zu", row, first, second, third) == third
    # What is not found has the box of none of the others.
    assert answer("newsletter", row, second, third) is None


@pytest.mark.parametrize("read", ["l", "|", "1"])
def test_the_i_of_a_label_is_read_as_a_line(read: str) -> None:
    row = words((read, 78, 80, 100), ("accept", 84, 116, 100), ("terms", 120, 150, 100))
    terms = box(60, 100, ticked=True)
    assert answer("i accept terms", row, terms) == terms


def test_yes_and_no_stand_behind_their_boxes_or_over_them() -> None:
    behind = words(("Married:", 60, 110, 100), ("yes", 136, 150, 100), ("no", 196, 206, 100))
    yes, no = box(120, 100, ticked=False), box(180, 100, ticked=True)
    assert answer("married", behind, yes, no) == yes
    over = words(("Yes", 118, 134, 60), ("No", 180, 192, 60), ("Married", 60, 110, 100))
    assert answer("married", over, yes, no) == yes
    unread = words(("Married:", 60, 110, 100), ("lia", 134, 150, 100), ("no", 196, 206, 100))
    assert answer("married", unread, yes, no) == yes
    both = yes._replace(ticked=True)
    unsure = answer("married", behind, both, no)
    assert unsure is not None
    assert unsure.sure < 0.5


def test_letters_are_no_circles_to_tick() -> None:
    import cv2

    ink = np.zeros((200, 600), np.uint8)
    cv2.putText(ink, "BOOK OF OOO 0", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    cv2.circle(ink, (100, 150), 10, 255, 2)
    assert [(one.left, one.ticked) for one in checkboxes(ink) if one.top > 100] == [(89, False)]
    assert [one for one in checkboxes(ink) if one.top < 100] == []
