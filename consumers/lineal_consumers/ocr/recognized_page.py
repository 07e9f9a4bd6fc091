"""A page image becomes a page of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.ocr.page_doubt import (
    doubt_resolution,
    make_doubt_places,
    make_unreadable_page,
)
from lineal_schemas.results import Page

if TYPE_CHECKING:
    from lineal_consumers.ocr.config import OcrConfig
    from lineal_consumers.ocr.page_raster import Raster
    from lineal_consumers.ocr.recognition import Recognized

UNREAD = "something that looks like text was not read"
"""The doubt whose places say where."""
TOO_LONG = "recognition of the page takes too long"


def read_page_image(
    raster: Raster, number: int, offset: int, config: OcrConfig
) -> tuple[str, Page]:
    """Recognise a page image, a very large one in bands: its text, and the page with offsets from
    ``offset``."""
    if raster.bands is None:
        text, page = _read_at_once(raster, number, offset, config)
        return text, doubt_resolution(page) if raster.coarse else page
    from lineal_consumers.ocr.large_page import read_in_bands

    return read_in_bands(raster, offset, lambda band, at: _read_at_once(band, number, at, config))


def _read_at_once(raster: Raster, number: int, offset: int, config: OcrConfig) -> tuple[str, Page]:
    from lineal_consumers.ocr.language_choice import recognize_in_its_language

    try:
        seen, language = recognize_in_its_language(raster, config)
    except TimeoutError:
        return make_unreadable_page(number, offset, "ocr", TOO_LONG)
    return make_page(seen, language, raster, number, offset)


def make_page(
    seen: Recognized, language: str | None, raster: Raster, number: int, offset: int
) -> tuple[str, Page]:
    """Makes the text and the page of a result from the recognised words."""
    from lineal_consumers.ocr.figure_conflicts import FIGURE_CONFLICT
    from lineal_consumers.ocr.key_values import key_values
    from lineal_consumers.ocr.layout import Frame, page_text
    from lineal_consumers.ocr.rulings import scanned_rulings
    from lineal_consumers.ocr.tables import ruled_tables
    from lineal_consumers.ocr.unread import find_unread_places

    frame = Frame(seen.width, seen.height, seen.unskew)
    across, down = scanned_rulings(seen.straight, seen.pixel)
    straight_words = [word for line in seen.straight_lines for word in line.words]
    text, words = page_text(seen.lines, seen.width, seen.height, offset, recognized=True)
    places = make_doubt_places(UNREAD, find_unread_places(seen), seen.width, seen.height)
    doubts = seen.doubts
    if places and not any("read" in doubt for doubt in doubts):
        doubts = (*doubts, UNREAD)
    places += make_doubt_places(FIGURE_CONFLICT, seen.conflicts, seen.width, seen.height)
    return text, Page.model_construct(
        number=number,
        begin=offset,
        end=offset + len(text),
        width=round(seen.width, 2),
        height=round(seen.height, 2),
        source="ocr",
        dpi=raster.dpi,
        rotation=seen.rotation,
        skew=seen.skew,
        language=language,
        engine=seen.engine,
        quality=seen.quality,
        words=words,
        key_values=key_values(seen.straight_lines, frame),
        tables=ruled_tables(across, down, straight_words, frame),
        doubts=doubts,
        doubt_places=places,
    )
