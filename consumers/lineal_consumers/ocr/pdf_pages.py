"""Reads a page of a PDF by the method of its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.ocr.hidden import HIDDEN_LAYER, HIDDEN_TEXT, OUTSIDE, UNSEEN
from lineal_consumers.ocr.page_account import (
    MEDIA,
    find_tiny_words,
    find_words_outside,
)
from lineal_consumers.ocr.page_doubt import (
    doubt_resolution,
    make_doubt_places,
    make_unreadable_page,
    with_doubt,
)
from lineal_consumers.ocr.recognized_page import TOO_LONG, UNREAD, make_page, read_page_image
from lineal_schemas.documents import PageRange
from lineal_schemas.results import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pypdfium2 as pdfium

    from lineal_consumers.ocr.config import OcrConfig
    from lineal_consumers.ocr.form_fields import FormField
    from lineal_consumers.ocr.layout import Line
    from lineal_consumers.ocr.page_images import Region
    from lineal_consumers.ocr.page_raster import Raster

LACKING = "text is drawn that the text layer does not have"
OTHER_FIGURES = "the text layer says other figures than are drawn"
OTHER_LETTERS = "the text layer says other letters than are drawn"
UNDECODED = "a picture is damaged: it, or a part of it, cannot be drawn"
DAMAGED = "a part of what the page draws is damaged: it cannot be unpacked"
TOO_MUCH = "drawing the page takes too long: only its text layer was read"
_THINNEST = 1.0
"""Points; a page with a shorter side shows nothing."""
_MAX_PLACES = 50
_MAX_PICTURE_BYTES = 256 << 20
"""Of one picture, decoded: what is drawn from more is not drawn."""


def read_pdf_page(
    path: str, number: int, offset: int, plan: PageRange, config: OcrConfig
) -> tuple[str, Page]:
    """Page ``number`` (from 1): its text, and the page with offsets from ``offset``. A page that
    cannot be read is doubtful.

    Raises:
        Reject: the whole file cannot be read.
    """
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.flat_page import open_flat_page

    try:
        with open_flat_page(path, number) as (page, fields, media):
            if min(page.get_size()) < _THINNEST:
                return make_unreadable_page(
                    number, offset, plan.method, f"the page is less than {_THINNEST:g} pt wide"
                )
            if plan.method == "ocr":
                text, made = _recognized(path, page, fields, number, offset, plan, config)
            else:
                text, made = _layer_page(page, _layer(page), fields, number, offset)
            if fields:
                made = _with_conflicts(made, page, fields)
            made = _with_places(made, HIDDEN_TEXT, _hidden(fields), *page.get_size())
            made = _with_places(made, MEDIA, media, *page.get_size())
    except (pdfium.PdfiumError, ZeroDivisionError):
        return make_unreadable_page(number, offset, plan.method)
    if number == 1:
        from lineal_consumers.ocr.dynamic_form import with_form_data

        return with_form_data(path, text, made)
    return text, made


def _layer(page: pdfium.PdfPage) -> list[Line]:
    from lineal_consumers.ocr.text_layer import text_layer_lines

    return text_layer_lines(page)


def _recognized(
    path: str,
    page: pdfium.PdfPage,
    fields: list[FormField],
    number: int,
    offset: int,
    plan: PageRange,
    config: OcrConfig,
) -> tuple[str, Page]:
    from lineal_catalog.file_formats.pdf_hidden import may_hide_text
    from lineal_consumers.ocr.page_images import find_damaged_images, find_page_images
    from lineal_consumers.ocr.page_raster import render_page
    from lineal_consumers.ocr.unread_text import (
        as_notes,
        find_hidden_words,
        has_damaged_contents,
        has_switched_off,
        without_words,
    )

    shown = find_page_images(page)
    if max((picture.bytes for picture in shown), default=0) > _MAX_PICTURE_BYTES:
        text, made = _layer_page(page, _layer(page), fields, number, offset)
        reason = f"a picture of more than {_MAX_PICTURE_BYTES >> 20} MB unpacked was not read"
        return text, with_doubt(made, reason)
    try:
        raster = render_page(page, config)
    except TimeoutError:
        text, made = _layer_page(page, _layer(page), fields, number, offset)
        return text, with_doubt(made, TOO_MUCH)
    undecoded = find_damaged_images(page, raster.gray)
    layer: list[Line] = []
    hidden: list[Region] = []
    switched_off = False
    if plan.text_layer != "ignore":
        layer = _layer(page)
        switched_off = has_switched_off(path, number)
        if switched_off or may_hide_text(page.raw):
            hidden = find_hidden_words(layer, raster)
        # What is not seen is read behind all that is.
        fields = [*fields, *as_notes(layer, hidden)]
        layer = without_words(layer, hidden)
    text, made = _read_drawn(path, page, raster, layer, fields, number, offset, plan, config)
    if plan.text_layer != "ignore" and has_damaged_contents(path, number):
        made = with_doubt(made, DAMAGED)
    why = HIDDEN_LAYER if switched_off else UNSEEN
    made = _with_places(made, why, hidden, raster.width, raster.height)
    return text, _with_places(made, UNDECODED, undecoded, raster.width, raster.height)


def _read_drawn(
    path: str,
    page: pdfium.PdfPage,
    raster: Raster,
    layer: list[Line],
    fields: list[FormField],
    number: int,
    offset: int,
    plan: PageRange,
    config: OcrConfig,
) -> tuple[str, Page]:
    from lineal_consumers.ocr.language_choice import recognize_in_its_language
    from lineal_consumers.ocr.layer_check import agrees, find_other_figures, find_other_words
    from lineal_consumers.ocr.page_images import Region
    from lineal_consumers.ocr.unread_text import (
        find_other_letters,
        find_patterned_text,
        find_unread_text,
        may_call_letters_others,
        read_with_pdfminer,
        without_meaningless,
    )

    lacking = find_unread_text(page)
    if plan.text_layer == "ignore" and not lacking:
        return _with_fields(read_page_image(raster, number, offset, config), fields, raster)
    layer = without_meaningless(layer, lacking)
    layer += read_with_pdfminer(path, number, page, lacking) if lacking else []
    others: list[Region] = []
    otherwise: list[Region] = []
    try:
        if plan.text_layer == "compare":
            seen, language = recognize_in_its_language(raster, config)
            if not layer or not agrees(layer, seen):
                if raster.bands is not None:
                    read = read_page_image(raster, number, offset, config)
                else:
                    read = make_page(seen, language, raster, number, offset)
                return _with_fields(read, fields, raster)
            whole = Region(0, 0, raster.width, raster.height)
            if may_call_letters_others(path, number):
                others = find_other_figures(layer, seen, whole)
            signs = find_other_letters(path, number, page)
            for word in find_other_words(layer, seen, signs, whole):
                place = Region(word.left, word.top, word.right, word.bottom)
                if not any(map(str.isdigit, word.text)):
                    otherwise.append(place)
                elif not any(map(place.overlaps, others)):
                    others.append(place)
        regions = lacking + find_patterned_text(path, number, page)
        text, made = _completed(
            page, layer, lacking, regions, raster, fields, number, offset, config
        )
        made = _with_places(made, OTHER_FIGURES, others, raster.width, raster.height)
        return text, _with_places(made, OTHER_LETTERS, otherwise, raster.width, raster.height)
    except TimeoutError:
        text, made = _layer_page(page, layer, fields, number, offset)
        return text, with_doubt(made, TOO_LONG)


def _completed(
    page: pdfium.PdfPage,
    layer: list[Line],
    lacking: list[Region],
    further: list[Region],
    raster: Raster,
    fields: list[FormField],
    number: int,
    offset: int,
    config: OcrConfig,
) -> tuple[str, Page]:
    """The text layer, and what pictures and ``further`` places show beside it."""
    from lineal_consumers.ocr.layered_page import add_pictures
    from lineal_consumers.ocr.page_images import find_page_images
    from lineal_consumers.ocr.page_raster import MIN_DPI
    from lineal_consumers.ocr.unread_text import find_drawn_text

    regions = [picture.region for picture in find_page_images(page)] + further
    regions += find_drawn_text(page)
    added = add_pictures(layer, regions, raster, config)
    text, made = _layer_page(page, added.lines, fields, number, offset)
    if added.recognized:
        made = made.model_copy(update={"source": "ocr", "dpi": raster.dpi})
        if raster.coarse or (raster.bands is not None and raster.dpi < MIN_DPI):
            made = doubt_resolution(made)
    made = _with_lacking(made, added.lines, lacking)
    return text, _with_places(made, UNREAD, added.unread, raster.width, raster.height)


def _with_lacking(made: Page, lines: list[Line], lacking: list[Region]) -> Page:
    """The page, doubtful where text is drawn that neither view of the file reads."""
    words = [word for line in lines for word in line.words]
    unread = [
        place
        for place in lacking
        if not any(
            place.holds((word.left + word.right) / 2, (word.top + word.bottom) / 2, margin=6)
            for word in words
        )
    ]
    return _with_places(made, LACKING, unread, made.width, made.height)


def _hidden(fields: list[FormField]) -> list[tuple[float, float, float, float]]:
    """The boxes of what annotations have that are not shown."""
    return [
        (field.left, field.top, field.right, field.bottom)
        for field in fields
        if field.state == "hidden"
    ][:_MAX_PLACES]


def _with_conflicts(made: Page, page: pdfium.PdfPage, fields: list[FormField]) -> Page:
    """The page, doubtful where a field draws something else than its value."""
    from lineal_consumers.ocr.field_conflicts import FIELD_CONFLICT, find_field_conflicts

    conflicts = find_field_conflicts(fields, _layer(page))
    boxes = [(field.left, field.top, field.right, field.bottom) for field in conflicts]
    return _with_places(made, FIELD_CONFLICT, boxes, *page.get_size())


def _with_places(
    made: Page,
    reason: str,
    boxes: Sequence[tuple[float, float, float, float]],
    width: float,
    height: float,
) -> Page:
    """The page with a doubt at some boxes in points; the same where there is none."""
    if not boxes:
        return made
    places = make_doubt_places(reason, boxes, width, height)
    return made.model_copy(
        update={"doubts": (*made.doubts, reason), "doubt_places": (*made.doubt_places, *places)}
    )


def _with_fields(
    read: tuple[str, Page], fields: list[FormField], raster: Raster
) -> tuple[str, Page]:
    """What was typed into a scanned form is drawn, and so recognised; its names are not, nor what
    was noted beside the page."""
    from lineal_consumers.ocr.form_fields import field_key_values, field_lines
    from lineal_consumers.ocr.layout import Frame, move_lines, page_text
    from lineal_consumers.ocr.page_geometry import quarter_turns

    text, made = read
    if not fields:
        return text, made
    upright = quarter_turns(made.rotation, raster.width, raster.height)
    pairs = field_key_values(fields, Frame(made.width, made.height, upright))
    made = made.model_copy(update={"key_values": (*made.key_values, *pairs)})
    notes = move_lines(field_lines([field for field in fields if not field.name], []), upright)
    if not notes:
        return text, made
    begin = made.end + (2 if text else 0)
    noted, words = page_text(notes, made.width, made.height, begin)
    after = max((word.line + 1 for word in made.words), default=0)
    added = tuple(word._replace(line=word.line + after) for word in words)
    return "\n\n".join(filter(None, (text, noted))), made.model_copy(
        update={"end": begin + len(noted), "words": (*made.words, *added)}
    )


def _layer_page(
    page: pdfium.PdfPage, lines: list[Line], fields: list[FormField], number: int, offset: int
) -> tuple[str, Page]:
    from lineal_consumers.ocr.form_fields import field_key_values, field_lines
    from lineal_consumers.ocr.key_values import key_values
    from lineal_consumers.ocr.layout import Frame, page_text
    from lineal_consumers.ocr.rulings import drawn_rulings
    from lineal_consumers.ocr.tables import ruled_tables

    width, height = page.get_size()
    outside, tiny = find_words_outside(lines, width, height), find_tiny_words(lines)
    across, down = drawn_rulings(page)
    frame = Frame(width, height)
    words = [word for line in lines for word in line.words]
    text, placed = page_text([*lines, *field_lines(fields, lines)], width, height, offset)
    made = Page.model_construct(
        number=number,
        begin=offset,
        end=offset + len(text),
        width=width,
        height=height,
        source="text-layer",
        words=placed,
        key_values=(*key_values(lines, frame), *field_key_values(fields, frame)),
        tables=ruled_tables(across, down, words, frame),
    )
    made = _with_places(made, OUTSIDE, outside, width, height)
    return text, _with_places(made, UNSEEN, tiny, width, height)
