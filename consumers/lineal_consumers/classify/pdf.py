"""PDFs: whether they can be read at all, and for each page whether by text layer or recognition.

The raw interface of PDFium is used because a page costs about a millisecond to load, and the
wrappers would double that on documents of thousands of pages.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.stages import Reject
from lineal_catalog.file_formats.pdf_contents import has_damaged_stream
from lineal_catalog.file_formats.pdf_document import open_document
from lineal_catalog.file_formats.pdf_font_names import has_inconsistent_font
from lineal_catalog.file_formats.pdf_layers import has_hidden_layers, has_layers
from lineal_catalog.file_formats.pdf_letters import (
    Evidence,
    FontKey,
    NamedFont,
    find_fonts,
    look_at_fonts,
)
from lineal_catalog.file_formats.pdf_patterns import shows_patterned_text
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.page_content import PageContent, look_at
from lineal_consumers.classify.pdf_cost import check_cost
from lineal_consumers.classify.plan import PagePlan
from lineal_consumers.classify.text_layer import Layer, grade, may_be_miscoded, reads_like_language

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_OBJECT = re.compile(rb"\d\s+\d+\s+obj\b")
_TAIL_BYTES = 1 << 20
"""What is looked at behind trailing zeros for the file's end."""
_LOOP = "Loop detected in /Pages"
"""What qpdf says of a page tree that contains itself."""
_OTHERWISE_ENCRYPTED = "the PDF is encrypted in a way that cannot be opened"
_SAMPLES = 48
"""Characters a page that are asked whether their font says what they are."""
SCANNED_COVERAGE = 0.5
"""Share of the page under images from which it may be a scan."""
PICTURE_COVERAGE = 0.01
"""Share of a page under images from which they may hold text to recognise."""
SHORT_TEXT = 100
"""Fewer letters than this tell nothing by how often each occurs."""
OUTLINE_SEGMENTS = 200
"""Path segments on a page without text from which they may be letters drawn as curves."""


def page_plans(path: Path, config: ClassifyConfig) -> list[PagePlan]:
    """For each page how its text is had.

    Raises:
        Reject: the file is damaged, cut off, encrypted, has no pages, or too many, or draws more
            than is allowed.
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
        otherwise = _check_objects(path, config)
        fonts: dict[FontKey, Evidence] = {}
        plans = [
            _page_plan(document, index, otherwise.get(index, _NOTHING), fonts)
            for index in range(pages)
        ]
    finally:
        document.close()
    if not any(plans):
        raise Reject("the PDF is damaged: none of its pages can be loaded")
    # What a font draws may be known only by a later page.
    lying = {key for key, font in fonts.items() if font.others}
    for index, page in otherwise.items():
        plan = plans[index] if index < pages else None
        if plan not in (None, PagePlan("ocr")) and any(font.key in lying for font in page.fonts):
            plans[index] = PagePlan("ocr", "compare")
    # A page that cannot be loaded has no text by either way; its reader says so.
    return [plan or PagePlan("text-layer") for plan in plans]


def _why_not(path: Path) -> str:
    """Why a PDF cannot be opened. qpdf says it: PDFium's error may be of an earlier document."""
    import pikepdf

    try:
        with pikepdf.open(path, suppress_warnings=True) as document:
            if len(document.pages) == 0:
                return "the PDF has no pages"
            if document.is_encrypted:
                # What it permits was changed, which qpdf only warns of.
                return _OTHERWISE_ENCRYPTED
    except pikepdf.PasswordError:
        return "the PDF is encrypted: it can only be opened with its password"
    except pikepdf.PdfError as error:
        if _LOOP in str(error):
            return "the PDF is damaged: its page tree contains itself"
        if "encryption" in str(error):
            # For holders of certificates, by a scheme that someone sells, or a later revision.
            return _OTHERWISE_ENCRYPTED
    if _cut_off(path, repaired=True):
        return "the PDF is cut off: its end is missing"
    return "the PDF is damaged: it cannot be opened"


def _cut_off(path: Path, repaired: bool) -> bool:
    """Whether the end of the file is missing: there are objects behind all that ends a file, a
    pointer to a cross-reference table or a trailer. What follows that is not the PDF's: zeros of a
    block device, or what a gateway has added."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # A cross-reference stream is the trailer of a file that has one.
        end = max(data.rfind(word) for word in (b"startxref", b"trailer", b"/XRef"))
        if end < 0:
            return repaired
        return _OBJECT.search(data, max(end, len(data) - _TAIL_BYTES)) is not None


class _Otherwise(NamedTuple):
    """What a page shows otherwise than by text and images."""

    patterned: bool = False
    """Whether it paints with patterns of text."""
    contradictory: bool = False
    """Whether a font calls its letters or figures others."""
    damaged: bool = False
    """Whether a part of its contents cannot be unpacked."""
    layered: bool = False
    """Whether a part of it may be on a layer that is switched off."""
    fonts: tuple[NamedFont, ...] = ()
    """Whose letters may be drawn as others."""


_NOTHING = _Otherwise()


def _check_objects(path: Path, config: ClassifyConfig) -> dict[int, _Otherwise]:
    """The checks that only qpdf can make; pages by their indexes that show something otherwise are
    returned. PDFium reads a page tree that contains itself as many copies of the same pages; qpdf
    walks the whole tree as it hands inherited attributes down, and finds the loop. And PDFium draws
    a page when it is asked for its text, however much that is."""
    import pikepdf

    logging.getLogger("pikepdf").setLevel(logging.CRITICAL)
    try:
        with open_document(path) as document:
            check_cost(document, path.stat().st_size, config.pdf_operators)
            names: dict[tuple[int, int], bool] = {}
            hides = has_hidden_layers(document)
            found = {
                index: _look_at_objects(page.obj, names, hides)
                for index, page in enumerate(document.pages)
            }
            return {index: one for index, one in found.items() if any(one)}
    except (pikepdf.PdfError, pikepdf.PasswordError) as error:
        # qpdf is stricter than PDFium about much else that does no harm to reading.
        if _LOOP in str(error):
            raise Reject("the PDF is damaged: its page tree contains itself") from error
    return {}


def _look_at_objects(page: Any, names: dict[tuple[int, int], bool], hides: bool) -> _Otherwise:
    """What a page (a dictionary of pikepdf) shows otherwise; nothing where qpdf cannot read it."""
    import pikepdf

    try:
        return _Otherwise(
            shows_patterned_text(page),
            has_inconsistent_font(page, names),
            has_damaged_stream(page),
            hides and has_layers(page),
            tuple(find_fonts(page)),
        )
    except pikepdf.PdfError:
        return _NOTHING


def _page_plan(
    document: PdfDocument, index: int, otherwise: _Otherwise, fonts: dict[FontKey, Evidence]
) -> PagePlan | None:
    import pypdfium2.raw as raw

    page = raw.FPDF_LoadPage(document, index)
    if not page:
        return None
    layer = raw.FPDFText_LoadPage(page)
    try:
        text, unmapped = _text(layer) if layer else ("", 0.0)
        grading, visible = grade(text, unmapped)
        if grading is Layer.GARBAGE:
            return PagePlan("ocr")
        if visible:
            look_at_fonts(document, page, layer, otherwise.fonts, fonts)
        if otherwise.damaged or otherwise.layered:
            return PagePlan("ocr", "keep")
        content = look_at(page, layer)
        content.patterned_text = otherwise.patterned
        miscoded = otherwise.contradictory or may_be_miscoded(text)
        if visible == 0 or (grading is Layer.POOR and not miscoded):
            return _by_content(content, visible)
        if miscoded or (visible < SHORT_TEXT and not reads_like_language(text)):
            return PagePlan("ocr", "compare")
        if _draws_more(content):
            return PagePlan("ocr", "keep")
        return PagePlan("text-layer")
    finally:
        if layer:
            raw.FPDFText_ClosePage(layer)
        raw.FPDF_ClosePage(page)


def _by_content(content: PageContent, visible: int) -> PagePlan:
    """For a page whose layer has nothing, or nothing to trust over what is drawn."""
    if visible == 0:
        if _draws_more(content) or content.segments >= OUTLINE_SEGMENTS:
            return PagePlan("ocr")
        return PagePlan("text-layer")
    if content.image_coverage >= SCANNED_COVERAGE:
        return PagePlan("ocr")
    if _draws_more(content):
        return PagePlan("ocr", "keep")
    return PagePlan("text-layer")


def _draws_more(content: PageContent) -> bool:
    """Whether a page may show text that its text layer does not have."""
    return bool(
        content.unread_text
        or content.outlined_text
        or content.hidden_text
        or content.patterned_text
        or content.line_images
        or content.image_coverage >= PICTURE_COVERAGE
    )


def _text(layer: Any) -> tuple[str, float]:
    """The text of a page, and which share of its characters no font gives a meaning to."""
    import pypdfium2.raw as raw

    count = raw.FPDFText_CountChars(layer)
    if count <= 0:
        return "", 0.0
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(layer, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
    sample = range(0, count, max(1, count // _SAMPLES))
    unmapped = sum(raw.FPDFText_HasUnicodeMapError(layer, at) == 1 for at in sample)
    return text, unmapped / len(sample)
