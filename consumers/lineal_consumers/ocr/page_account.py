"""What of a PDF page can be neither read nor drawn as a page, and what is read of it unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.ocr.hidden import SMALLEST
from lineal_consumers.ocr.page_geometry import seen_from_user_space
from lineal_consumers.ocr.page_images import Region

if TYPE_CHECKING:
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.layout import Line

MEDIA = "a film, a sound or a model in three dimensions was not read"
_MAX_PLACES = 50
_MAX_ANNOTATIONS = 20_000
_OUT = 1.0
"""Points that a word must be outside of the page."""


def find_media(page: pdfium.PdfPage) -> list[Region]:
    """Where a page plays something (ISO 32000-2, 12.5.6 and 13)."""
    import pypdfium2.raw as raw

    played = {
        raw.FPDF_ANNOT_SCREEN, raw.FPDF_ANNOT_RICHMEDIA, raw.FPDF_ANNOT_MOVIE,
        raw.FPDF_ANNOT_SOUND, raw.FPDF_ANNOT_THREED,
    }  # fmt: skip
    seen = None
    found: list[Region] = []
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetSubtype(annotation) in played and len(found) < _MAX_PLACES:
            rect = raw.FS_RECTF()
            raw.FPDFAnnot_GetRect(annotation, rect)
            seen = seen or seen_from_user_space(page)
            found.append(Region(*seen.box(rect.left, rect.bottom, rect.right, rect.top)))
        raw.FPDFPage_CloseAnnot(annotation)
    return found


def find_words_outside(lines: list[Line], width: float, height: float) -> list[Region]:
    """The words of which nothing is on a page of this size, moved to its edge."""
    found: list[Region] = []
    for line in lines:
        for word in line.words:
            if (
                word.right < -_OUT
                or word.bottom < -_OUT
                or word.left > width + _OUT
                or word.top > height + _OUT
            ):
                left, right = (min(max(0.0, x), width) for x in (word.left, word.right))
                top, bottom = (min(max(0.0, y), height) for y in (word.top, word.bottom))
                found.append(Region(left, top, right, bottom))
    return found[:_MAX_PLACES]


def find_tiny_words(lines: list[Line]) -> list[Region]:
    """The words that are too small to be seen."""
    return [
        Region(word.left, word.top, word.right, word.bottom)
        for line in lines
        for word in line.words
        if _is_tiny(word.right - word.left, word.height, len(word.text))
    ][:_MAX_PLACES]


def _is_tiny(wide: float, high: float, letters: int) -> bool:
    """Whether a word of this size, across the page or up or down it, is too small to be seen."""
    low, long = sorted((wide, high))
    return 0 < low < SMALLEST and long < SMALLEST * letters
