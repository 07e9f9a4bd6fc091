"""Keeps a process's last PDF open, so that consecutive pages of a document do not open it again.

pdfium is not thread-safe; each worker process has its own document and reads one page at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.stages import Reject
from lineal_catalog.file_formats.pdf_document import open_document

if TYPE_CHECKING:
    import pikepdf
    import pypdfium2 as pdfium

_open: tuple[str, pdfium.PdfDocument] | None = None
_flattened: tuple[str, pdfium.PdfDocument, set[int]] | None = None
_objects: tuple[str, pikepdf.Pdf | None] | None = None


def open_pdf(path: str) -> pdfium.PdfDocument:
    """The document of a file, kept open until another one is asked for.

    Raises:
        Reject: it is not a PDF that can be read.
    """
    import pypdfium2 as pdfium

    global _open
    if _open is not None and _open[0] == path:
        return _open[1]
    close_pdf()
    try:
        document = open_with_fields(path)
    except pdfium.PdfiumError as error:
        raise Reject("the PDF cannot be opened") from error
    _open = (path, document)
    return document


def open_flat_pdf(path: str, number: int) -> pdfium.PdfDocument:
    """The same document once more, in which page ``number`` (from 1) may be changed: it is kept
    open for the other pages, since a form has to be looked through whenever it is opened.

    Raises:
        PdfiumError: it cannot be read.
    """
    global _flattened
    if _flattened is None or _flattened[0] != path or number in _flattened[2]:
        _close_flattened()
        _flattened = (path, open_with_fields(path), set())
    _flattened[2].add(number)
    return _flattened[1]


def open_with_fields(source: str | bytes) -> pdfium.PdfDocument:
    """A document (its path or its bytes) whose form fields have an appearance, those that have none
    the one that a viewer would give them."""
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument(source)
    if document.get_formtype():
        document.init_forms()
    return document


def page_with_annotations(document: pdfium.PdfDocument, at: int) -> pdfium.PdfPage:
    """The page at a place, from 0, with what its annotations draw as a part of it; it stays without
    where PDFium cannot do so."""
    import pypdfium2.raw as raw

    page = document[at]
    if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS:
        page.close()
        page = document[at]
    return page


def _close_flattened() -> None:
    global _flattened
    if _flattened is not None:
        _flattened[1].close()
        _flattened = None


def open_objects(path: str) -> pikepdf.Pdf | None:
    """The same document as objects of qpdf, kept open as long; None where qpdf cannot open it,
    which is stricter than PDFium."""
    import pikepdf

    global _objects
    if _objects is not None and _objects[0] == path:
        return _objects[1]
    _close_objects()
    try:
        document = open_document(Path(path))
    except (pikepdf.PdfError, pikepdf.PasswordError):
        document = None
    _objects = (path, document)
    return document


def page_objects(path: str, number: int) -> pikepdf.Dictionary | None:
    """Page ``number`` (from 1) as a dictionary with the attributes that it inherits; None where
    qpdf does not have it."""
    document = open_objects(path)
    if document is None or number > len(document.pages):
        return None
    return document.pages[number - 1].obj


def close_pdf() -> None:
    """Close the document kept open, if there is one."""
    global _open
    if _open is not None:
        _open[1].close()
        _open = None
    _close_flattened()
    _close_objects()


def _close_objects() -> None:
    global _objects
    if _objects is not None and _objects[1] is not None:
        _objects[1].close()
    _objects = None


@contextmanager
def open_page(path: str, number: int) -> Iterator[pdfium.PdfPage]:
    """Page ``number`` (from 1) of a file.

    Raises:
        PdfiumError: this page is broken; the others may not be.
        Reject: the whole file cannot be read.
    """
    page = open_pdf(path)[number - 1]
    try:
        yield page
    finally:
        page.close()
