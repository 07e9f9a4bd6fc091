"""Doubts about a page: the places they are at, and a page that could not be read at all."""

from __future__ import annotations

from collections.abc import Iterable

from lineal_consumers.ocr.layout import Frame
from lineal_schemas.documents import DoubtPlace, PageMethod
from lineal_schemas.results import Page


def with_doubt(page: Page, reason: str) -> Page:
    """The page with a doubt more."""
    return page.model_copy(update={"doubts": (*page.doubts, reason)})


def doubt_resolution(page: Page) -> Page:
    """The page, doubtful as most of its pixels were not looked at."""
    return with_doubt(page, f"the page is so large that it was read at {page.dpi} dpi only")


def make_doubt_places(
    reason: str, boxes: Iterable[tuple[float, float, float, float]], width: float, height: float
) -> tuple[DoubtPlace, ...]:
    """Boxes in points of a page of this size as places of a doubt."""
    frame = Frame(width, height)
    places = []
    for box in boxes:
        left, top, across, down = frame.box(*box)
        places.append(DoubtPlace(reason=reason, left=left, top=top, width=across, height=down))
    return tuple(places)


def make_unreadable_page(
    number: int,
    offset: int,
    method: PageMethod,
    why: str = "the page is broken and could not be read",
) -> tuple[str, Page]:
    """A page without text and the reason."""
    return "", Page(
        number=number, begin=offset, end=offset, width=0, height=0, source=method, doubts=(why,)
    )
