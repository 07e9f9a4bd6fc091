"""``/slides``: what slides were scored, and the tiles of their heat maps."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal_catalog.slides.slides import (
    UnknownSlide,
    find_slide,
    heat_map_tile,
    scored_slides,
)
from lineal_producers.http.guard import guarded
from lineal_schemas.slides import HEAT_MAP_TILE, SlideScored

_TILE_HEADERS = {
    "x-content-type-options": "nosniff",
    # Who may see it is asked each time; whether it has changed, by its tag.
    "cache-control": "private, no-cache",
}


def slide_routes(runtime: Runtime) -> list[Route]:
    """``GET /slides``, ``/slides/ID``, ``/slides/ID/heatmap`` and its ``/Z/X/Y.png``."""

    async def list_all(request: Request) -> Response:
        found = await scored_slides(runtime)
        return JSONResponse({"slides": [_fields(slide) for slide in found.values()]})

    async def found(request: Request) -> SlideScored:
        try:
            return await find_slide(runtime, request.path_params["id"])
        except UnknownSlide as error:
            raise HTTPException(404, str(error)) from error

    async def show(request: Request) -> Response:
        return JSONResponse(_fields(await found(request)))

    async def describe(request: Request) -> Response:
        slide = await found(request)
        grid = slide.grid
        width, height = grid.heat_map_size
        return JSONResponse(
            {
                "tiles": f"/slides/{slide.slide.slide_id}/heatmap/{{z}}/{{x}}/{{y}}.png",
                "tile_size": HEAT_MAP_TILE,
                "min_zoom": 0,
                "max_zoom": grid.heat_map_max_zoom,
                "width": width,
                "height": height,
                "slide": {"width": grid.width, "height": grid.height},
                "slide_pixels_per_pixel": grid.tile / grid.heat_map_pixels,
                "highest": [tile.model_dump() for tile in slide.highest],
            }
        )

    async def tile(request: Request) -> Response:
        slide = await found(request)
        zoom, x, y = (request.path_params[name] for name in ("z", "x", "y"))
        tag = f'"{slide.heat_map.sha256}-{zoom}-{x}-{y}"'
        headers = {**_TILE_HEADERS, "etag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            drawn = await heat_map_tile(runtime, slide, zoom, x, y)
        except UnknownSlide as error:
            raise HTTPException(404, str(error)) from error
        except ObjectMissing as error:
            raise HTTPException(410, "the heat map has been erased") from error
        return Response(drawn, media_type="image/png", headers=headers)

    return [
        guarded("read", "/slides", list_all, methods=["GET"]),
        guarded("read", "/slides/{id}", show, methods=["GET"]),
        guarded("read", "/slides/{id}/heatmap", describe, methods=["GET"]),
        guarded("read", "/slides/{id}/heatmap/{z:int}/{x:int}/{y:int}.png", tile, methods=["GET"]),
    ]


def _fields(slide: SlideScored) -> dict[str, Any]:
    """Without the places of objects, which are nobody's business over HTTP."""
    fields = slide.model_dump(mode="json", exclude={"scores", "features", "heat_map"})
    fields["slide"].pop("content")
    fields["heat_map"] = f"/slides/{slide.slide.slide_id}/heatmap"
    return fields
