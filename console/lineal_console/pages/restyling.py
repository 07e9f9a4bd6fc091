"""Images of which a part was changed: before, after and where; and asking for it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lineal_catalog.restyling.requests import (
    Restyling,
    UnknownRestyling,
    find_restyling,
    request_restyling,
)
from lineal_console.event_reading import newest_of_type
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.stored_files import stored_file
from lineal_producers.http.body_limit import limited
from lineal_schemas.restyling import Fill, ImagesReady, MaskPrompt, StyleRequested

RESTYLING = Page("restylings", "Restyled images", act="upload", section="media", order=40)
"""Who asked sees what was made, and an owner sees all."""
_SOURCE = "lineal:console/restylings"
_NEWEST = 500
_MAX_BYTES = 192 * 1024 * 1024
_MAX_IMAGES = 3


@RESTYLING.get()
async def list_requests(request: PageRequest) -> Response:
    """What was asked for, the newest first."""
    ready = {
        event.data.request_id: event.data
        for event in await newest_of_type(request.runtime, ImagesReady, _NEWEST)
    }
    asked = [
        event.data
        for event in await newest_of_type(request.runtime, StyleRequested, _NEWEST)
        if request.may("manage") or request.credential.is_actor(event.data.by)
    ]
    return request.render("restylings.html", asked=asked, ready=ready)


@RESTYLING.post()
async def ask(request: PageRequest) -> Response:
    """Have a part of images changed."""
    try:
        form = await limited(request.request, _MAX_BYTES, "send smaller images").form(
            max_files=_MAX_IMAGES
        )
    except ClientDisconnect:
        return Response(status_code=400)
    try:
        files = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
        images = [data for file in files if (data := await file.read())]
        given = {name: str(value).strip() for name, value in form.items()}
        mask = MaskPrompt.model_validate(_mask(given))
        fill = Fill.model_validate(_fill(given))
        made = await request_restyling(
            request.runtime, images, mask, fill, engine=None, by=request.credential,
            source=_SOURCE,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"{where}: {first['msg']}" if where else first["msg"]) from error
    finally:
        await form.close()
    return request.redirect(f"{RESTYLING.url}/{made.request_id}")


def _mask(given: dict[str, str]) -> dict[str, Any]:
    mask: dict[str, Any] = {name: given[name] for name in ("colour", "words") if given.get(name)}
    sides = {name: given.get(name, "") for name in ("x", "y", "width", "height")}
    if any(sides.values()):
        mask["box"] = sides
        mask["entire_box"] = bool(given.get("entire_box"))
    return mask


def _fill(given: dict[str, str]) -> dict[str, Any]:
    kind = given.get("kind", "remove")
    return {"kind": kind, "colour": given.get("new_colour")} if kind == "colour" else {"kind": kind}


@RESTYLING.get("/{id}")
async def restyling(request: PageRequest) -> Response:
    """One request and what became of it."""
    return request.render("restyling.html", restyling=await _asked(request))


@RESTYLING.get("/{id}/{which}/{number:int}")
async def picture(request: PageRequest) -> Response:
    """An image that was made, or its mask."""
    found = await _asked(request)
    images = () if found.ready is None else found.ready.images
    number, which = int(request.path("number")), request.path("which")
    if which not in ("images", "masks") or number >= len(images):
        raise request.missing(request.text("Nothing of this kind was made."))
    one = images[number]
    return await stored_file(request, one.image if which == "images" else one.mask, "image/png")


async def _asked(request: PageRequest) -> Restyling:
    try:
        return await find_restyling(request.runtime, request.path("id"), request.credential)
    except UnknownRestyling as error:
        raise request.missing(str(error)) from error
