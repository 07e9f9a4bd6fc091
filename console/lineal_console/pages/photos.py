"""Photos of inspection lines: which are not normal, where on them, and what people say of them."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.queries import is_visible_to
from lineal_catalog.photos.projection import (
    PhotoInfo,
    UnknownPhoto,
    find_photo,
    lines_with_photos,
    list_photos,
)
from lineal_catalog.photos.verification import verify_photo
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.stored_files import SHOWN, stored_file
from lineal_schemas.photos import PhotoLabel

PHOTOS = Page("photos", "Photos", section="media", order=10)
_SOURCE = "lineal:console/photos"
_SHOWN_AT_ONCE = 50


@PHOTOS.get()
async def photos(request: PageRequest) -> Response:
    """The photos, the newest first."""
    line = request.query("line")
    defects, unverified = bool(request.query("defects")), bool(request.query("unverified"))
    offset = request.number("offset", 0)

    def look(connection: Connection) -> dict[str, Any]:
        return {
            "lines": lines_with_photos(connection),
            "photos": list_photos(
                connection, names=request.names, line=line or None, defects=defects,
                unverified=unverified, limit=_SHOWN_AT_ONCE + 1, offset=offset,
            ),
        }  # fmt: skip

    found = await request.runtime.store.read(look)
    chosen = [("line", line), ("defects", defects and "1"), ("unverified", unverified and "1")]
    more = len(found["photos"]) > _SHOWN_AT_ONCE
    return request.render(
        "photos.html", lines=found["lines"], photos=found["photos"][:_SHOWN_AT_ONCE], line=line,
        defects=defects, unverified=unverified,
        newer=_address(chosen, offset - _SHOWN_AT_ONCE) if offset else None,
        older=_address(chosen, offset + _SHOWN_AT_ONCE) if more else None,
    )  # fmt: skip


def _address(chosen: list[tuple[str, Any]], offset: int) -> str:
    given = [(name, value) for name, value in (*chosen, ("offset", max(0, offset))) if value]
    return f"{PHOTOS.url}?{urlencode(given)}"


@PHOTOS.get("/{id}")
async def photo(request: PageRequest) -> Response:
    """One photo with the places that are not normal."""
    found = await _asked(request)
    arrived = partial(is_visible_to, document_id=found.photo_id, names=request.names)
    return request.render(
        "photo.html", photo=found, shown=found.media_type in SHOWN,
        is_document=await request.runtime.store.read(arrived),
    )  # fmt: skip


@PHOTOS.get("/{id}/image")
async def image(request: PageRequest) -> Response:
    """The photo itself."""
    found = await _asked(request)
    if found.media_type not in SHOWN:
        raise request.missing(request.text("Browsers do not show such pictures."))
    ref = reference(found.sha256, found.bytes, found.media_type)
    return await stored_file(request, ref, found.media_type)


@PHOTOS.get("/{id}/heat-map")
async def heat_map(request: PageRequest) -> Response:
    """The photo with the places that are not normal in red."""
    found = await _asked(request)
    ref = reference(found.heat_map, 0, "image/jpeg") if found.heat_map else None
    return await stored_file(request, ref, "image/jpeg")


@PHOTOS.post("/verify", act="review")
async def verify_chosen(request: PageRequest) -> Response:
    """Say what several show."""
    form = await request.form()
    label = _label(form)
    ids = [str(value) for value in form.getlist("id")][:_SHOWN_AT_ONCE]
    for found in [await _asked(request, one) for one in ids]:
        await verify_photo(request.runtime, found, label, request.credential, _SOURCE)
    said = request.text("What you said is learnt from.")
    nothing = request.text("No photo was chosen.")
    return request.redirect(PHOTOS.url, said if ids else nothing)


@PHOTOS.post("/{id}/verify", act="review")
async def verify(request: PageRequest) -> Response:
    """Say what it shows."""
    found = await _asked(request)
    label = _label(await request.form())
    await verify_photo(request.runtime, found, label, request.credential, _SOURCE)
    return request.redirect(
        f"{PHOTOS.url}/{found.photo_id}", request.text("What you said is learnt from.")
    )


def _label(form: FormData) -> PhotoLabel:
    said = str(form.get("label", ""))
    known: tuple[PhotoLabel, ...] = get_args(PhotoLabel)
    for label in known:
        if label == said:
            return label
    raise HTTPException(400, f"a photo is one of {', '.join(known)}")


async def _asked(request: PageRequest, photo_id: str | None = None) -> PhotoInfo:
    look = partial(find_photo, photo_id=photo_id or request.path("id"), names=request.names)
    try:
        return await request.runtime.store.read(look)
    except UnknownPhoto as error:
        raise request.missing(str(error)) from error
