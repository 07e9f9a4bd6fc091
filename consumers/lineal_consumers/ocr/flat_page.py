"""Flattens a PDF page: its annotations become part of its content, as a viewer shows it.

PDFium's text layer leaves out what annotations draw: notes typed onto a page, stamps, and the
values of form fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.ocr.form_fields import FormField, form_fields, typed_notes
from lineal_consumers.ocr.hidden_notes import find_hidden_notes, read_hidden_notes
from lineal_consumers.ocr.page_account import find_media
from lineal_consumers.ocr.page_images import Region
from lineal_consumers.ocr.pdf_files import open_flat_pdf, open_page

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_MAX_ANNOTATIONS = 20_000
_MOST_LOST = 0.2
"""Share of the words of a page that may be others when it is flattened: some are joined or divided
otherwise."""


class FlatPage(NamedTuple):
    """A page whose annotations are a part of what it draws."""

    page: pdfium.PdfPage
    fields: list[FormField]
    """The filled ones, typed notes without an appearance, which no viewer but the one that made
    them shows, and what hidden annotations say."""
    media: list[Region]
    """Where something is played."""


@contextmanager
def open_flat_page(path: str, number: int) -> Iterator[FlatPage]:
    """Page ``number`` (from 1) of a file, and what is known of it that flattening loses.

    Raises:
        PdfiumError: this page is broken; the others may not be.
        Reject: the whole file cannot be read.
    """
    with open_page(path, number) as page:
        hidden = find_hidden_notes(path, number, page)
        fields = [*form_fields(page, hidden), *typed_notes(page, hidden)]
        fields += read_hidden_notes(path, number, hidden, fields)
        media = find_media(page)
        if not _draws_annotations(page):
            yield FlatPage(page, fields, media)
            return
        said, drawn = _words(page), typed_notes(page, hidden, drawn=True)
    with _flattened(path, number, hidden) as page:
        if len(said - _words(page)) <= _MOST_LOST * len(said):
            yield FlatPage(page, fields, media)
            return
    # A page that has its fonts from its parent loses them when PDFium flattens it, to those of an
    # annotation that have the same names.
    with open_page(path, number) as page:
        yield FlatPage(page, [*fields, *drawn], media)


def _words(page: pdfium.PdfPage) -> set[str]:
    layer = page.get_textpage()
    try:
        return set(layer.get_text_range().split())
    finally:
        layer.close()


def _draws_annotations(page: pdfium.PdfPage) -> bool:
    import pypdfium2.raw as raw

    normal = raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        draws = kind not in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP) or (
            kind == raw.FPDF_ANNOT_LINK and raw.FPDFAnnot_GetAP(annotation, normal, None, 0) > 2
        )
        raw.FPDFPage_CloseAnnot(annotation)
        if draws:
            return True
    return False


@contextmanager
def _flattened(path: str, number: int, hidden: frozenset[int]) -> Iterator[pdfium.PdfPage]:
    """The page in a second document, which the flattening changes."""
    import pypdfium2.raw as raw

    document = open_flat_pdf(path, number)
    page = document[number - 1]
    for index in hidden:
        # PDFium draws what is on a layer that is switched off.
        annotation = raw.FPDFPage_GetAnnot(page, index)
        raw.FPDFAnnot_SetFlags(annotation, raw.FPDF_ANNOT_FLAG_HIDDEN)
        raw.FPDFPage_CloseAnnot(annotation)
    flattened = raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    if flattened == raw.FLATTEN_SUCCESS:
        page.close()
        page = document[number - 1]
    try:
        yield page
    finally:
        page.close()
