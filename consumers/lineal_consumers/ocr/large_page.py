"""Reads a page that is too large to be recognised at once: in bands that are cut between lines.

What was scrolled down on a screen, receipts as long as an arm and plans have more pixels than are
recognised at a time. Shrunk to fit, their letters would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from lineal_consumers.ocr.page_doubt import doubt_resolution, make_doubt_places
from lineal_consumers.ocr.page_raster import MIN_DPI
from lineal_consumers.ocr.page_signals import page_signals
from lineal_schemas.results import Box, Page, PageQuality, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.ocr.page_raster import Bands, Raster

Read = Callable[["Raster", int], tuple[str, Page]]
"""Recognises an image at once: its text, and the page with offsets from a number."""

_SEARCHED = 0.3
"""Part of a band in which the best place to cut is looked for."""


def read_in_bands(raster: Raster, offset: int, read: Read) -> tuple[str, Page]:
    """Read a page whose image says how it is drawn in bands; one that is not upright at once, as
    the order of its bands is not known before.

    Args:
        raster: the whole page, shrunk.
        offset: where its text begins in that of the document.
    """
    assert raster.bands is not None
    texts: list[str] = []
    pages: list[Page] = []
    at = offset
    cuts = _cuts(raster, raster.bands)
    for top, bottom in pairwise(cuts):
        text, page = read(raster.bands.draw(top, bottom), at)
        if page.rotation:
            text, page = read(raster, offset)
            return text, doubt_resolution(page) if raster.dpi < MIN_DPI else page
        if page.width == 0:
            page = _unread(page, top, bottom, raster)
        pages.append(_on_page(page, top, bottom, raster))
        texts.append(text)
        at += len(text) + (2 if text else 0)
    joined = _joined(pages, raster)
    text = "\n\n".join(filter(None, texts))
    return text, joined.model_copy(update={"begin": offset, "end": offset + len(text)})


def _cuts(raster: Raster, bands: Bands) -> list[float]:
    """Heights in points from 0 to that of the page, between which no band has more pixels than the
    image of the whole page; where there is least ink."""
    signals = page_signals(raster.gray, raster.dpi)
    rows = signals.text_ink.sum(axis=1)
    points = raster.height / len(rows)
    # The shrunk page has as many pixels as may be recognised at once.
    most = max(1, int(len(rows) * (raster.dpi / bands.dpi) ** 2))
    cuts = [0]
    while len(rows) - cuts[-1] > most:
        cuts.append(_best_row(rows, int(cuts[-1] + most * (1 - _SEARCHED)), cuts[-1] + most))
    return [*(cut * points for cut in cuts), raster.height]


def _best_row(ink: npt.NDArray[np.uint8], first: int, last: int) -> int:
    """The middle of the widest gap between lines, else the row with least ink."""
    best, width, begin = int(ink[first:last].argmin()) + first, 0, None
    for row in range(first, last + 1):
        if row < last and ink[row] == 0:
            begin = row if begin is None else begin
        elif begin is not None:
            if row - begin > width:
                best, width = (begin + row) // 2, row - begin
            begin = None
    return max(best, first, 1)


def _unread(page: Page, top: float, bottom: float, raster: Raster) -> Page:
    """A band that could not be read, with its place."""
    (reason,) = page.doubts
    places = make_doubt_places(
        reason, [(0, 0, raster.width, bottom - top)], raster.width, bottom - top
    )
    return page.model_copy(update={"doubt_places": places})


def _on_page(page: Page, top: float, bottom: float, raster: Raster) -> Page:
    """What was read of a band, with its places on the whole page."""
    begin, share = top / raster.height, (bottom - top) / raster.height

    def moved(box: Box | None) -> Box | None:
        if box is None:
            return None
        return box._replace(top=begin + box.top * share, height=box.height * share)

    return page.model_copy(
        update={
            "words": tuple(
                word._replace(top=begin + word.top * share, height=word.height * share)
                for word in map(Word._make, page.words)
            ),
            "key_values": tuple(
                pair.model_copy(
                    update={"key_box": moved(pair.key_box), "value_box": moved(pair.value_box)}
                )
                for pair in page.key_values
            ),
            "tables": tuple(
                table.model_copy(update={"box": moved(table.box)}) for table in page.tables
            ),
            "doubt_places": tuple(
                place.model_copy(
                    update={"top": begin + place.top * share, "height": place.height * share}
                )
                for place in page.doubt_places
            ),
        }
    )


def _joined(bands: list[Page], raster: Raster) -> Page:
    """The bands as one page; what was measured is that of the worst."""
    words: list[Word] = []
    for band in bands:
        after = words[-1].line + 1 if words else 0
        words += [word._replace(line=word.line + after) for word in band.words]
    read = max(bands, key=lambda band: len(band.words))
    measured = [band.quality for band in bands if band.quality is not None]
    quality = PageQuality(
        low_confidence_share=max(one.low_confidence_share for one in measured),
        ink_coverage=min(one.ink_coverage for one in measured),
        background_ratio=min(one.background_ratio for one in measured),
    ) if measured else None  # fmt: skip
    return read.model_copy(
        update={
            "width": round(raster.width, 2),
            "height": round(raster.height, 2),
            "words": tuple(words),
            "quality": quality,
            "key_values": tuple(pair for band in bands for pair in band.key_values),
            "tables": tuple(table for band in bands for table in band.tables),
            "doubts": tuple(dict.fromkeys(doubt for band in bands for doubt in band.doubts)),
            "doubt_places": tuple(place for band in bands for place in band.doubt_places),
        }
    )
