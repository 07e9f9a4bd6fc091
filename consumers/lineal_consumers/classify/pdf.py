"""PDFs: whether they can be read at all, and for each page whether by text layer or recognition.

The raw interface of PDFium is used because a page costs about a millisecond to load, and the
wrappers would double that on documents of thousands of pages.
"""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.page_content import PageContent, look_at
from lineal_consumers.classify.text_layer import Layer, grade
from lineal_schemas.documents import PageMethod

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_TAIL_BYTES = 64 * 1024
_LOOP = "Loop detected in /Pages"
"""What qpdf says of a page tree that contains itself."""
_SAMPLES = 48
"""Characters a page that are asked whether their font says what they are."""
SPARSE_TEXT = 150
"""Fewer visible characters than this may be a stamp or a fax header on a scan."""
SCANNED_COVERAGE = 0.5
"""Share of the page under images from which it may be a scan."""
PICTURE_COVERAGE = 0.02
"""Share of a page without text under images from which it may hold text to recognise."""
OUTLINE_SEGMENTS = 200
"""Path segments on a page without text from which they may be letters drawn as curves."""


def page_methods(path: Path, config: ClassifyConfig) -> list[PageMethod]:
    """For each page, ``text-layer`` or ``ocr``.

    Raises:
        Reject: the file is damaged, cut off, encrypted, has no pages, or too many.
    """
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise Reject(_why_not(path)) from error
    try:
        repaired = not raw.FPDF_DocumentHasValidCrossReferenceTable(document)
        if _cut_off(path, repaired):
            raise Reject("the PDF is cut off: its end is missing")
        pages = len(document)
        if pages == 0:
            raise Reject("the PDF has no pages")
        if pages > config.pdf_pages:
            raise Reject(f"the PDF has {pages:,} pages, at most {config.pdf_pages:,} are read")
        _check_page_tree(path)
        methods = [_page_method(document, index) for index in range(pages)]
    finally:
        document.close()
    if not any(methods):
        raise Reject("the PDF is damaged: none of its pages can be loaded")
    # A page that cannot be loaded has no text by either way; its reader says so.
    return [method or "text-layer" for method in methods]


def _why_not(path: Path) -> str:
    """Asked of qpdf, as the error code PDFium gives may be that of an earlier document."""
    import pikepdf

    try:
        with pikepdf.open(path, suppress_warnings=True) as document:
            if len(document.pages) == 0:
                return "the PDF has no pages"
    except pikepdf.PasswordError:
        return "the PDF is encrypted: it can only be opened with its password"
    except pikepdf.PdfError as error:
        if _LOOP in str(error):
            return "the PDF is damaged: its page tree contains itself"
    if _cut_off(path, repaired=True):
        return "the PDF is cut off: its end is missing"
    return "the PDF is damaged: it cannot be opened"


def _cut_off(path: Path, repaired: bool) -> bool:
    """Whether the end of the file is missing: objects after the last pointer to a
    cross-reference table (an update of which only the beginning is there), or no such pointer
    and PDFium had to look for the objects itself."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read()
    end = tail.rfind(b"startxref")
    return repaired if end < 0 else b" obj" in tail[end:]


def _check_page_tree(path: Path) -> None:
    """PDFium reads a tree that contains itself as many copies of the same pages; qpdf walks the
    whole tree as it hands inherited attributes down, and finds the loop."""
    import pikepdf

    logging.getLogger("pikepdf").setLevel(logging.CRITICAL)
    try:
        pikepdf.open(path, suppress_warnings=True, inherit_page_attributes=True).close()
    except pikepdf.PdfError as error:
        # qpdf is stricter than PDFium about much else that does no harm to reading.
        if _LOOP in str(error):
            raise Reject("the PDF is damaged: its page tree contains itself") from error


def _page_method(document: PdfDocument, index: int) -> PageMethod | None:
    import pypdfium2.raw as raw

    page = raw.FPDF_LoadPage(document, index)
    if not page:
        return None
    try:
        text, unmapped = _text(page)
        layer, visible = grade(text, unmapped)
        if layer is Layer.GARBAGE:
            return "ocr"
        if layer is Layer.GOOD and visible >= SPARSE_TEXT:
            return "text-layer"
        return _by_content(look_at(page), visible)
    finally:
        raw.FPDF_ClosePage(page)


def _by_content(content: PageContent, visible: int) -> PageMethod:
    if visible == 0:
        pictured = content.image_coverage >= PICTURE_COVERAGE
        return "ocr" if pictured or content.segments >= OUTLINE_SEGMENTS else "text-layer"
    return "ocr" if content.image_coverage >= SCANNED_COVERAGE else "text-layer"


def _text(page: Any) -> tuple[str, float]:
    """The text of a page, and which share of its characters no font gives a meaning to."""
    import pypdfium2.raw as raw

    layer = raw.FPDFText_LoadPage(page)
    if not layer:
        return "", 0.0
    try:
        count = raw.FPDFText_CountChars(layer)
        if count <= 0:
            return "", 0.0
        buffer = (ctypes.c_ushort * (count + 1))()
        written = raw.FPDFText_GetText(layer, 0, count, buffer)
        text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
        sample = range(0, count, max(1, count // _SAMPLES))
        unmapped = sum(raw.FPDFText_HasUnicodeMapError(layer, at) == 1 for at in sample)
        return text, unmapped / len(sample)
    finally:
        raw.FPDFText_ClosePage(layer)
