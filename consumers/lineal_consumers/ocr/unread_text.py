"""Text that a page draws and PDFium's text layer lacks, read by pdfminer.six as a second view.

PDFium leaves out characters of fonts that it cannot measure, vertical writing above all. pdfminer
takes a hundred times as long, so only pages on which PDFium itself names text objects without a
character are read again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lineal_catalog.file_formats.pdf_contents import has_damaged_stream
from lineal_catalog.file_formats.pdf_font_names import has_inconsistent_font
from lineal_catalog.file_formats.pdf_layers import has_hidden_layers, has_layers
from lineal_catalog.file_formats.pdf_letters import (
    Evidence,
    FontKey,
    NamedFont,
    find_fonts,
    look_at_fonts,
)
from lineal_catalog.file_formats.pdf_objects import (
    MAX_OBJECTS,
    is_meaningless,
    unread_text,
    walk_page_objects,
)
from lineal_catalog.file_formats.pdf_outlines import find_outlined_text
from lineal_catalog.file_formats.pdf_patterns import shows_patterned_text
from lineal_consumers.ocr.form_fields import FormField
from lineal_consumers.ocr.layout import Line, PositionedWord
from lineal_consumers.ocr.page_geometry import seen_from_user_space
from lineal_consumers.ocr.page_images import Region
from lineal_consumers.ocr.pdf_files import open_objects, page_objects
from lineal_consumers.ocr.reading_order import in_reading_order
from lineal_consumers.ocr.writing_direction import as_if_across, as_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    import pypdfium2 as pdfium

    from lineal_consumers.ocr.page_raster import Raster

T = TypeVar("T")

_EVEN = 3
"""Steps of gray within which paper is blank."""
_UNMAPPED = "(cid:"
"""What pdfminer gives for a glyph without a meaning."""


class _Glyph(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def size(self) -> float:
        return max(self.right - self.left, self.bottom - self.top, 1.0)


def find_unread_text(page: pdfium.PdfPage) -> list[Region]:
    """Finds text objects of which the text layer has nothing."""
    import pypdfium2.raw as raw

    layer = page.get_textpage()
    seen = seen_from_user_space(page)
    regions: list[Region] = []
    for item in walk_page_objects(page.raw):
        if item.kind != raw.FPDF_PAGEOBJ_TEXT:
            continue
        if (box := unread_text(item, page.raw, layer.raw)) is not None:
            regions.append(Region(*seen.box(*box)))
    layer.close()
    return regions[::-1]  # in the order in which they are drawn


def find_drawn_text(page: pdfium.PdfPage) -> list[Region]:
    """Finds letters that are drawn as curves."""
    seen = seen_from_user_space(page)
    return [Region(*seen.box(*box)) for box in find_outlined_text(page.raw)]


def find_patterned_text(path: str, number: int, page: pdfium.PdfPage) -> list[Region]:
    """All of page ``number`` (from 1) where it paints with patterns that show text: what they fill
    is not told."""
    patterned = _ask(path, number, shows_patterned_text, False)
    return [Region(0, 0, *page.get_size())] if patterned else []


def may_call_letters_others(path: str, number: int) -> bool:
    """Whether a font of page ``number`` (from 1) contradicts itself."""
    return _ask(path, number, lambda objects: has_inconsistent_font(objects, {}), False)


def find_other_letters(path: str, number: int, page: pdfium.PdfPage) -> frozenset[str]:
    """The letters and figures of page ``number`` (from 1) that a font may draw as others."""
    fonts: list[NamedFont] = _ask(path, number, find_fonts, [])
    seen: dict[FontKey, Evidence] = {}
    layer = page.get_textpage()
    look_at_fonts(page.pdf, page, layer, fonts, seen)
    layer.close()
    return frozenset(sign for font in seen.values() for sign, other in font.seen.items() if other)


def has_damaged_contents(path: str, number: int) -> bool:
    """Whether a part of what page ``number`` (from 1) draws cannot be unpacked."""
    return _ask(path, number, has_damaged_stream, False)


def has_switched_off(path: str, number: int) -> bool:
    """Whether a part of page ``number`` (from 1) may be on a layer that is switched off."""
    document = open_objects(path)
    return (
        document is not None
        and has_hidden_layers(document)
        and _ask(path, number, has_layers, False)
    )


def _ask(path: str, number: int, question: Callable[[Any], T], otherwise: T) -> T:
    """What the objects of a page say, or ``otherwise`` where qpdf cannot read them."""
    import pikepdf

    try:
        objects = page_objects(path, number)
        return otherwise if objects is None else question(objects)
    except pikepdf.PdfError:
        return otherwise


def find_hidden_words(lines: list[Line], raster: Raster) -> list[Region]:
    """The words of a text layer of which nothing is drawn."""
    pixels = raster.gray.shape[1] / raster.width
    found: list[Region] = []
    for word in (word for line in lines for word in line.words):
        box = Region(word.left, word.top, word.right, word.bottom)
        left, top, right, bottom = (max(0, int(side * pixels)) for side in box)
        drawn = raster.gray[top : bottom + 1, left : right + 1]
        if drawn.size and int(drawn.max()) - int(drawn.min()) <= _EVEN:
            found.append(box)
    return found


def as_notes(lines: list[Line], places: list[Region]) -> list[FormField]:
    """The words of a text layer that are just at some places, those of a line together."""
    notes = []
    for line in lines:
        words = [word for word in line.words if Region(*word[2:6]) in places]
        if words:
            text = " ".join(word.text for word in words)
            box = (
                min(word.left for word in words), min(word.top for word in words),
                max(word.right for word in words), max(word.bottom for word in words),
            )  # fmt: skip
            notes.append(FormField("", text, *box))
    return notes


def without_words(lines: list[Line], places: list[Region]) -> list[Line]:
    """The lines of a text layer without the words that are just there."""
    if not places:
        return lines
    kept = [[w for w in line.words if Region(*w[2:6]) not in places] for line in lines]
    return [
        Line(words, line.new_paragraph) for words, line in zip(kept, lines, strict=True) if words
    ]


def without_meaningless(lines: list[Line], places: list[Region]) -> list[Line]:
    """The lines of a text layer without words, at some places, of which no font says what they
    are: what is drawn there is recognised."""
    kept: list[Line] = []
    for line in lines:
        words = [
            word
            for word in line.words
            if not (
                all(map(is_meaningless, word.text))
                and any(
                    place.holds((word.left + word.right) / 2, (word.top + word.bottom) / 2, 2)
                    for place in places
                )
            )
        ]
        if words:
            kept.append(Line(words, line.new_paragraph))
    return kept


def read_with_pdfminer(
    path: str, number: int, page: pdfium.PdfPage, places: list[Region]
) -> list[Line]:
    """The characters that pdfminer finds at some places of page ``number`` (from 1), as lines or
    columns; nothing where it cannot read the file,
    or the page has too much on it."""
    import pypdfium2.raw as raw

    if raw.FPDFPage_CountObjects(page) > MAX_OBJECTS:
        return []  # it would take seconds
    from pdfminer.converter import PDFPageAggregator
    from pdfminer.layout import LTChar, LTContainer
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage

    seen = seen_from_user_space(page)
    glyphs: list[_Glyph] = []

    def gather(item: object) -> None:
        if isinstance(item, LTChar):
            text = item.get_text()
            box = seen.box(*item.bbox)
            glyph = _Glyph(text, *box)
            if text.strip() and not text.startswith(_UNMAPPED) and _within(glyph, places):
                glyphs.append(glyph)
        elif isinstance(item, LTContainer):
            for inner in item:
                gather(inner)

    try:
        resources = PDFResourceManager()
        # Without pdfminer's analysis of the layout, which changes the order in which it is drawn.
        device = PDFPageAggregator(resources, laparams=None)
        with Path(path).open("rb") as file:
            for found in PDFPage.get_pages(file, pagenos=[number - 1]):
                PDFPageInterpreter(resources, device).process_page(found)
                gather(device.get_result())
    except Exception:
        # A parser of untrusted files in Python: whatever it stumbles over, there is no second view.
        return []
    return _columns_from_the_right(_lines(glyphs))


def _columns_from_the_right(lines: list[Line]) -> list[Line]:
    """Columns of vertical writing in reading order, in whatever order they are drawn."""
    tall = sum(line.words[0].height > line.words[0].right - line.words[0].left for line in lines)
    if 2 * tall <= len(lines):
        return lines
    upright = as_if_across([line.words for line in lines], "down")
    return as_seen(in_reading_order([Line(words, False) for words in upright]), "down")


def _within(glyph: _Glyph, places: list[Region]) -> bool:
    x, y = (glyph.left + glyph.right) / 2, (glyph.top + glyph.bottom) / 2
    return any(place.holds(x, y, margin=glyph.size) for place in places)


def _lines(glyphs: list[_Glyph]) -> list[Line]:
    """Characters that follow one another across or down are a word."""
    lines: list[Line] = []
    run: list[_Glyph] = []
    for glyph in glyphs:
        if run and not _follows(run[-1], glyph):
            lines.append(_line(run, first=not lines))
            run = []
        run.append(glyph)
    if run:
        lines.append(_line(run, first=not lines))
    return lines


def _follows(before: _Glyph, glyph: _Glyph) -> bool:
    size = max(before.size, glyph.size)
    down = abs(glyph.left - before.left) < 0.6 * size and 0 <= glyph.top - before.top < 1.8 * size
    across = abs(glyph.bottom - before.bottom) < 0.4 * size
    return down or (across and -0.5 * size <= glyph.left - before.right < 0.3 * size)


def _line(run: list[_Glyph], *, first: bool) -> Line:
    word = PositionedWord(
        "".join(glyph.text for glyph in run),
        1.0,
        min(glyph.left for glyph in run),
        min(glyph.top for glyph in run),
        max(glyph.right for glyph in run),
        max(glyph.bottom for glyph in run),
    )
    return Line([word], new_paragraph=first)
