"""Flattens a PDF page: its annotations become part of its content, as a viewer shows it.

PDFium's text layer leaves out what annotations draw: notes typed onto a page, stamps, and the
values of form fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineal_consumers.ocr.form_fields import FormField, form_fields, typed_notes
from lineal_consumers.ocr.pdf_files import open_page

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_MAX_ANNOTATIONS = 20_000


@contextmanager
def open_flat_page(path: str, number: int) -> Iterator[tuple[pdfium.PdfPage, list[FormField]]]:
    """Page ``number`` (from 1) of a file and its filled fields, among them typed notes without an
    appearance, which no viewer but the one that made them shows.

    Raises:
        PdfiumError: this page is broken; the others may not be.
        Reject: the whole file cannot be read.
    """
    with open_page(path, number) as page:
        fields = form_fields(page)
        notes = typed_notes(page)
        if not _draws_annotations(page):
            yield page, [*fields, *notes]
            return
    with _flattened(path, number) as page:
        yield page, [*fields, *notes]


def _draws_annotations(page: pdfium.PdfPage) -> bool:
    import pypdfium2.raw as raw

    apart = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind not in apart:
            return True
    return False


@contextmanager
def _flattened(path: str, number: int) -> Iterator[pdfium.PdfPage]:
    """The page in a document of its own, which the flattening changes."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    document = pdfium.PdfDocument(path)
    try:
        if document.get_formtype():
            # Gives fields that have none the appearance a viewer would.
            document.init_forms()
        page = document[number - 1]
        flattened = raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        if flattened == raw.FLATTEN_SUCCESS:
            page.close()
            page = document[number - 1]
        try:
            yield page
        finally:
            page.close()
    finally:
        document.close()
