"""Slides: their scores, and their heat maps to look into, part by part."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.errors import ObjectMissing
from lineal_catalog.slides.slides import UnknownSlide, find_slide, heat_map_tile, scored_slides
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_producers.http.requested_document import SAFE_HEADERS
from lineal_schemas.slides import SlideScored

SLIDES = Page("slides", "Slides", section="media", order=20)
_MOST = 500
_DEEPEST = 20


@SLIDES.get()
async def slides(request: PageRequest) -> Response:
    """The slides that were scored, the newest first; or those of a patient. Whose they are is for
    those who say what they show."""
    text = request.query("q").strip()

    def searched(slide: SlideScored) -> str:
        patient = slide.slide.patient if request.may("review") else None
        return f"{slide.slide.slide_id} {patient or ''}".casefold()

    scored = (await scored_slides(request.runtime)).values()
    found = [slide for slide in scored if text.casefold() in searched(slide)]
    return request.render("slides.html", slides=found[:_MOST], more=len(found) > _MOST, text=text)


@SLIDES.get("/{id}")
async def slide(request: PageRequest) -> Response:
    """One slide; of its heat map a part, by zoom, column and row."""
    found = await _asked(request)
    zoom = request.number("z", 0, maximum=_DEEPEST)
    column, row = request.number("x", 0), request.number("y", 0)
    zooms = await _zooms(request, found)
    return request.render(
        "slide.html", slide=found, zoom=min(zoom, zooms), zooms=zooms, column=column, row=row,
        parts=_parts(zoom, column, row) if zoom < zooms else [],
    )  # fmt: skip


@SLIDES.get("/{id}/heat-map/{z:int}/{x:int}/{y:int}")
async def tile(request: PageRequest) -> Response:
    """256 by 256 pixels of the heat map."""
    z, x, y = (int(request.path(name)) for name in "zxy")
    try:
        drawn = await heat_map_tile(request.runtime, await _asked(request), z, x, y)
    except UnknownSlide as error:
        raise request.missing(str(error)) from error
    except ObjectMissing as error:
        raise HTTPException(410, request.text("It has been erased.")) from error
    return Response(drawn, media_type="image/png", headers=SAFE_HEADERS)


async def _asked(request: PageRequest) -> SlideScored:
    try:
        return await find_slide(request.runtime, request.path("id"))
    except UnknownSlide as error:
        raise request.missing(str(error)) from error


async def _zooms(request: PageRequest, found: SlideScored) -> int:
    """The deepest zoom of its heat map."""
    deepest = 0
    while deepest < _DEEPEST:
        try:
            await heat_map_tile(request.runtime, found, deepest + 1, 0, 0)
        except (UnknownSlide, ObjectMissing):
            return deepest
        deepest += 1
    return deepest


def _parts(zoom: int, column: int, row: int) -> list[dict[str, Any]]:
    """The four parts of a part, each twice as large."""
    return [
        {"z": zoom + 1, "x": 2 * column + right, "y": 2 * row + below}
        for below in (0, 1)
        for right in (0, 1)
    ]
