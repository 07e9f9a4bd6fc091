"""Flattens a PDF page: its annotations become part of its content, as a viewer shows it.

PDFium's text layer leaves out what annotations draw: notes typed onto a page, stamps, and the
values of form fields.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lineal_catalog.file_formats.pdf_objects import MAX_OBJECTS
from lineal_consumers.ocr.form_fields import FormField, form_fields, typed_notes
from lineal_consumers.ocr.hidden_notes import find_hidden_notes, read_hidden_notes
from lineal_consumers.ocr.page_account import find_media
from lineal_consumers.ocr.page_images import Region
from lineal_consumers.ocr.pdf_files import (
    open_flat_pdf,
    open_objects,
    open_page,
    open_with_fields,
    page_with_annotations,
)

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
        said, kinds = _words(page), _kinds(page)
        drawn = typed_notes(page, hidden, drawn=True)
    # A page that has its fonts and pictures from its parent loses them when PDFium flattens it: the
    # fonts to those of an annotation that have the same names. Alone, it has them itself.
    for flattened in (_flattened, _flattened_alone):
        with flattened(path, number, hidden) as page:
            if (
                page is not None
                and len(said - _words(page)) <= _MOST_LOST * len(said)
                and _kinds(page)[: len(kinds)] == kinds
            ):
                yield FlatPage(page, fields, media)
                return
    with open_page(path, number) as page:
        yield FlatPage(page, [*fields, *drawn], media)


def _kinds(page: pdfium.PdfPage) -> list[int]:
    """Of the objects of a page, in their order; what its annotations draw comes behind them."""
    import pypdfium2.raw as raw

    return [
        raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, index))
        for index in range(min(raw.FPDFPage_CountObjects(page), MAX_OBJECTS))
    ]


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
        draws = kind != raw.FPDF_ANNOT_POPUP and (
            kind != raw.FPDF_ANNOT_LINK or raw.FPDFAnnot_GetAP(annotation, normal, None, 0) > 2
        )
        raw.FPDFPage_CloseAnnot(annotation)
        if draws:
            return True
    return False


@contextmanager
def _flattened(path: str, number: int, hidden: frozenset[int]) -> Iterator[pdfium.PdfPage | None]:
    """The page in a second document, which the flattening changes."""
    page = _flatten(open_flat_pdf(path, number), number - 1, hidden)
    try:
        yield page
    finally:
        page.close()


@contextmanager
def _flattened_alone(
    path: str, number: int, hidden: frozenset[int]
) -> Iterator[pdfium.PdfPage | None]:
    """The same of a document of this page alone, with all that it has from its parents; None where
    qpdf cannot make one."""
    import pikepdf

    try:
        alone = _alone(path, number)
    except (pikepdf.PdfError, ValueError, TypeError):
        alone = None
    if alone is None:
        yield None
        return
    document = open_with_fields(alone)
    try:
        page = _flatten(document, 0, hidden)
        try:
            yield page
        finally:
            page.close()
    finally:
        document.close()


def _alone(path: str, number: int) -> bytes | None:
    import pikepdf

    whole = open_objects(path)
    if whole is None or number > len(whole.pages):
        return None
    with pikepdf.new() as alone:
        alone.pages.append(whole.pages[number - 1])
        form = whole.Root.get("/AcroForm")
        resources = form.get("/DR") if isinstance(form, pikepdf.Dictionary) else None
        if isinstance(resources, pikepdf.Dictionary):
            copied = alone.copy_foreign(whole.make_indirect(resources))
            alone.Root.AcroForm = pikepdf.Dictionary(Fields=[], DR=copied)
        out = io.BytesIO()
        alone.save(out)
        return out.getvalue()


def _flatten(document: pdfium.PdfDocument, at: int, hidden: frozenset[int]) -> pdfium.PdfPage:
    import pypdfium2.raw as raw

    page = document[at]
    for index in hidden:
        # PDFium draws what is on a layer that is switched off.
        annotation = raw.FPDFPage_GetAnnot(page, index)
        raw.FPDFAnnot_SetFlags(annotation, raw.FPDF_ANNOT_FLAG_HIDDEN)
        raw.FPDFPage_CloseAnnot(annotation)
    page.close()
    return page_with_annotations(document, at)
