"""Keeps a process's last PDF open, so that consecutive parts of a document do not open it again.

pdfium is not thread-safe; each worker process has its own document and reads one page at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineal.stages import Reject

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_open: tuple[str, pdfium.PdfDocument] | None = None


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
        document = pdfium.PdfDocument(path)
        if document.get_formtype():
            document.init_forms()
    except pdfium.PdfiumError as error:
        raise Reject("the PDF cannot be opened") from error
    _open = (path, document)
    return document


def close_pdf() -> None:
    """Close the document kept open, if there is one."""
    global _open
    if _open is not None:
        _open[1].close()
        _open = None


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
