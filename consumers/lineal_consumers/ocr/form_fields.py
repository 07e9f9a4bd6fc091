"""Reads the values of the fields of a PDF form (AcroForm)."""

from __future__ import annotations

import re
from collections.abc import Callable
from ctypes import c_ushort
from functools import cache, partial
from html import unescape
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lineal_consumers.ocr.layout import Frame, Line, PositionedWord
from lineal_consumers.ocr.page_geometry import seen_from_user_space
from lineal_schemas.results import KeyValue

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_TAG = re.compile("<[^>]*>")
_MAX_OPTIONS = 1_000
"""Of a field, that are asked whether they are chosen."""

FieldState = Literal["shown", "apart", "conflicting", "hidden"]
"""Whether the page should show the value: it should; it need not (of a button, a note); it is a box
that is ticked in one of the two alone; it does not, and nothing beside the page does."""


class FormField(NamedTuple):
    """A field, filled or in conflict, and its box in points as seen."""

    name: str
    value: str
    left: float
    top: float
    right: float
    bottom: float
    state: FieldState = "apart"


def form_fields(page: pdfium.PdfPage, hidden: frozenset[int] = frozenset()) -> list[FormField]:
    """The filled fields of a page, and boxes whose tick is not their value, in the order they are
    stored; checked boxes have the value of their state (often ``Yes``), choices the words that are
    shown for them. Needs the document's form environment.

    Args:
        hidden: the places of the annotations that are not shown.
    """
    import pypdfium2.raw as raw

    form = page.formenv
    if form is None:
        return []
    seen = seen_from_user_space(page)
    fields: list[FormField] = []
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetSubtype(annotation) != raw.FPDF_ANNOT_WIDGET:
                continue
            value = _value(form, annotation) or _rich_text(annotation, b"RV")
            state: FieldState = "hidden" if index in hidden else _state(form, annotation)
            if not value and state != "conflicting":
                continue
            name = _text(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
            name = name or _text(raw.FPDFAnnot_GetFormFieldName, form, annotation)
            rect = raw.FS_RECTF()
            raw.FPDFAnnot_GetRect(annotation, rect)
            box = seen.box(rect.left, rect.bottom, rect.right, rect.top)
            fields.append(FormField(name, value, *box, state))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return fields


def typed_notes(
    page: pdfium.PdfPage, hidden: frozenset[int] = frozenset(), *, drawn: bool = False
) -> list[FormField]:
    """What was typed onto a page and has no appearance, the comments on it, which viewers show
    beside the page, and what is hidden of both: fields without a name.

    Args:
        hidden: the places of the annotations that are not shown.
        drawn: give what was typed onto it and has an appearance instead.
    """
    import pypdfium2.raw as raw

    seen = seen_from_user_space(page)
    notes: list[FormField] = []
    popups: list[FormField] = []
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind != raw.FPDF_ANNOT_FREETEXT and kind not in _commented():
                continue
            normal = raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL
            shown = raw.FPDFAnnot_GetAP(annotation, normal, None, 0) > 2
            shown = shown and index not in hidden
            typed = _string(partial(raw.FPDFAnnot_GetStringValue, annotation, b"Contents"))
            # PDFium makes an appearance of the plain text alone, which is none where there is none.
            if (kind == raw.FPDF_ANNOT_FREETEXT and shown and bool(typed)) != drawn:
                continue
            if not typed:
                typed = _rich_text(annotation, b"RC")
            if typed:
                rect = raw.FS_RECTF()
                raw.FPDFAnnot_GetRect(annotation, rect)
                box = seen.box(rect.left, rect.bottom, rect.right, rect.top)
                popup = kind == raw.FPDF_ANNOT_POPUP
                state: FieldState = "hidden" if index in hidden else "apart"
                (popups if popup else notes).append(FormField("", typed, *box, state))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    # A window that belongs to a comment may say it once more.
    said = {note.value for note in notes}
    return notes + [popup for popup in popups if popup.value not in said]


def _rich_text(annotation: Any, key: bytes) -> str:
    """The text of a value that is written with its formats."""
    import pypdfium2.raw as raw

    rich = _string(partial(raw.FPDFAnnot_GetStringValue, annotation, key))
    return " ".join(unescape(_TAG.sub(" ", rich)).split())


@cache
def _commented() -> frozenset[int]:
    """The kinds of annotations that people comment with."""
    import pypdfium2.raw as raw

    return frozenset(
        {
            raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_HIGHLIGHT, raw.FPDF_ANNOT_UNDERLINE,
            raw.FPDF_ANNOT_SQUIGGLY, raw.FPDF_ANNOT_STRIKEOUT, raw.FPDF_ANNOT_CARET,
            raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_SQUARE, raw.FPDF_ANNOT_CIRCLE,
            raw.FPDF_ANNOT_POLYGON, raw.FPDF_ANNOT_POLYLINE, raw.FPDF_ANNOT_INK,
            raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_FILEATTACHMENT, raw.FPDF_ANNOT_POPUP,
        }
    )  # fmt: skip


def _value(form: object, annotation: object) -> str:
    import pypdfium2.raw as raw

    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind == raw.FPDF_FORMFIELD_PUSHBUTTON:
        return ""
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        if not raw.FPDFAnnot_IsChecked(form, annotation):
            return ""
        return _text(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation) or "Yes"
    chosen = [
        _string(partial(raw.FPDFAnnot_GetOptionLabel, form, annotation, number))
        for number in range(min(raw.FPDFAnnot_GetOptionCount(form, annotation), _MAX_OPTIONS))
        if raw.FPDFAnnot_IsOptionSelected(form, annotation, number)
    ]
    return " ".join(chosen) or _text(raw.FPDFAnnot_GetFormFieldValue, form, annotation)


def _state(form: object, annotation: object) -> FieldState:
    import pypdfium2.raw as raw

    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind == raw.FPDF_FORMFIELD_CHECKBOX:
        stored = _string(partial(raw.FPDFAnnot_GetStringValue, annotation, b"V"))
        ticked = bool(raw.FPDFAnnot_IsChecked(form, annotation))
        return "conflicting" if stored and (stored != "Off") != ticked else "apart"
    written = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX)
    return "shown" if kind in written else "apart"


def _text(function: Callable[..., int], form: object, annotation: object) -> str:
    return _string(partial(function, form, annotation))


def _string(function: Callable[[object, int], int]) -> str:
    """What a function of PDFium writes into a buffer as UTF-16, in one line."""
    size = function(None, 0)
    if size <= 2:
        return ""
    buffer = (c_ushort * (size // 2))()
    function(buffer, size)
    text = bytes(buffer).decode("utf-16-le", errors="replace").split("\0")[0]
    return " ".join(text.split())


def field_key_values(fields: list[FormField], frame: Frame) -> tuple[KeyValue, ...]:
    """The fields as labelled values; they were typed, not recognised: confidence 1."""
    return tuple(
        KeyValue(
            key=field.name,
            value=field.value,
            confidence=1.0,
            value_box=frame.box(field.left, field.top, field.right, field.bottom),
        )
        for field in fields
        if field.name and field.value
    )


def words_inside(field: FormField, drawn: list[Line]) -> list[str]:
    """The words in the box of a field."""
    return [
        word.text
        for line in drawn
        for word in line.words
        if field.left - 2 <= (word.left + word.right) / 2 <= field.right + 2
        and field.top - 2 <= (word.top + word.bottom) / 2 <= field.bottom + 2
    ]


def field_lines(fields: list[FormField], drawn: list[Line]) -> list[Line]:
    """The values that are not among what is drawn, as lines of words, which stand side by side in
    the field's box: what was typed must be found by a search and hidden by a redaction like any
    other text."""
    lines: list[Line] = []
    for field in fields:
        if "".join(field.value.split()) in "".join(words_inside(field, drawn)):
            continue
        words = field.value.split()
        step = (field.right - field.left) / (sum(len(word) + 1 for word in words) or 1)
        left = field.left
        placed: list[PositionedWord] = []
        for word in words:
            right = left + step * len(word)
            placed.append(PositionedWord(word, 1.0, left, field.top, right, field.bottom))
            left = right + step
        lines.append(Line(placed, new_paragraph=not lines))
    return lines
