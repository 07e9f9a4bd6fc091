"""Reads what the hidden annotations of a PDF page would draw: nobody sees it, and the file has it.

Source: ISO 32000-1, 12.5.3 (flags), 12.5.5 (appearance streams).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lineal_catalog.file_formats.pdf_layers import find_hidden_layers, is_hidden_by_layer
from lineal_consumers.ocr.form_fields import FormField
from lineal_consumers.ocr.pdf_files import open_objects, page_objects, page_with_annotations
from lineal_consumers.ocr.text_layer import text_layer_lines

if TYPE_CHECKING:
    import pikepdf
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.layout import Line

_GEOMETRY = ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit")
_APART = ("/Link", "/Popup")
_MAX_ANNOTATIONS = 20_000
_MAX_STATES = 20
"""Appearances of one annotation: of a box that is ticked, and that is not."""


def find_hidden_notes(path: str, number: int, page: pdfium.PdfPage) -> frozenset[int]:
    """Which annotations of page ``number`` (from 1) are flagged as hidden, or on a layer that is
    switched off: their places among all, from 0."""
    import pikepdf
    import pypdfium2.raw as raw

    found: set[int] = set()
    layered = False
    unseen = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetFlags(annotation) & unseen:
            found.add(index)
        layered = layered or bool(raw.FPDFAnnot_HasKey(annotation, b"OC"))
        raw.FPDFPage_CloseAnnot(annotation)
    if layered:
        with contextlib.suppress(pikepdf.PdfError):
            found |= _find_layered(path, number)
    return frozenset(found)


def _find_layered(path: str, number: int) -> set[int]:
    import pikepdf

    document = open_objects(path)
    layers = frozenset() if document is None else find_hidden_layers(document)
    return {
        index
        for index, annotation in enumerate(_annotations(path, number) if layers else ())
        if isinstance(annotation, pikepdf.Dictionary) and is_hidden_by_layer(annotation, layers)
    }


def read_hidden_notes(
    path: str, number: int, hidden: frozenset[int], known: list[FormField]
) -> list[FormField]:
    """The lines that hidden annotations of page ``number`` (from 1) would draw, as fields without
    a name.

    Args:
        known: the values and comments of such annotations, which are not given again.
    """
    import pikepdf
    import pypdfium2 as pdfium

    if not hidden:
        return []
    try:
        drawn = _draw_alone(path, number, hidden)
        lines = [] if drawn is None else _lines(drawn)
    except (pikepdf.PdfError, pdfium.PdfiumError, ValueError, TypeError):
        return []
    notes = []
    for line in lines:
        text = " ".join(word.text for word in line.words)
        note = FormField("", text, *_box(line), "hidden")
        if not any(_says(other, note) for other in known):
            notes.append(note)
    return notes


def _draw_alone(path: str, number: int, hidden: frozenset[int]) -> bytes | None:
    """A PDF of a page of the same size on which the hidden annotations are shown, and nothing else
    is; None where none draws anything."""
    import pikepdf

    page = page_objects(path, number)
    with pikepdf.new() as alone:
        shown = [
            alone.make_indirect(annotation)
            for index, found in enumerate(_annotations(path, number))
            if index in hidden
            for annotation in _shown(alone, found)
        ]
        if page is None or not shown:
            return None
        drawn = pikepdf.Dictionary(Type=pikepdf.Name.Page, Annots=pikepdf.Array(shown))
        for key in _GEOMETRY:
            if (value := page.get(key)) is not None:
                drawn[key] = _as_number(value)
        drawn.Contents = alone.make_stream(b" ")
        alone.pages.append(pikepdf.Page(alone.make_indirect(drawn)))
        out = io.BytesIO()
        alone.save(out)
        return out.getvalue()


def _annotations(path: str, number: int) -> list[Any]:
    import pikepdf

    page = page_objects(path, number)
    found = None if page is None else page.get("/Annots")
    return list(found)[:_MAX_ANNOTATIONS] if isinstance(found, pikepdf.Array) else []


def _as_number(value: Any) -> Any:
    import pikepdf

    return [float(each) for each in value] if isinstance(value, pikepdf.Array) else value


def _shown(alone: pikepdf.Pdf, annotation: Any) -> Iterator[pikepdf.Dictionary]:
    """A hidden annotation as one that shows itself, once for each of its states."""
    import pikepdf
    import pypdfium2.raw as raw

    if not isinstance(annotation, pikepdf.Dictionary) or annotation.get("/Subtype") in _APART:
        return
    rect, appearances = annotation.get("/Rect"), annotation.get("/AP")
    normal = appearances.get("/N") if isinstance(appearances, pikepdf.Dictionary) else None
    if not isinstance(rect, pikepdf.Array) or normal is None:
        return
    states = [normal] if isinstance(normal, pikepdf.Stream) else list(normal.values())
    for stream in states[:_MAX_STATES]:
        if isinstance(stream, pikepdf.Stream):
            yield pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Stamp,
                Rect=_as_number(rect),
                F=raw.FPDF_ANNOT_FLAG_PRINT,
                AP=pikepdf.Dictionary(N=alone.copy_foreign(stream)),
            )


def _lines(drawn: bytes) -> list[Line]:
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument(drawn)
    try:
        page = page_with_annotations(document, 0)
        try:
            return text_layer_lines(page)
        finally:
            page.close()
    finally:
        document.close()


def _box(line: Line) -> tuple[float, float, float, float]:
    return (
        min(word.left for word in line.words),
        min(word.top for word in line.words),
        max(word.right for word in line.words),
        max(word.bottom for word in line.words),
    )


def _says(field: FormField, note: FormField) -> bool:
    """Whether a field says what an appearance in its box does."""
    x, y = (note.left + note.right) / 2, (note.top + note.bottom) / 2
    inside = field.left - 2 <= x <= field.right + 2 and field.top - 2 <= y <= field.bottom + 2
    return inside and "".join(note.value.split()) in "".join(field.value.split())
