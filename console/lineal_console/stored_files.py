"""Answers with an object that a stage has made: a picture, or a recording."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from lineal.errors import ObjectMissing
from lineal_console.page_request import PageRequest
from lineal_producers.http.requested_document import SAFE_HEADERS
from lineal_schemas.objects import ObjectRef

SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
"""Kinds of pictures that browsers show, and that run nothing."""


async def stored_file(request: PageRequest, ref: ObjectRef | None, media_type: str) -> Response:
    """The bytes of an object; a browser may ask for a part of them, as to seek in a recording.

    Raises:
        HTTPException: 404, there is none; 410, it was erased.
    """
    if ref is None:
        raise request.missing(request.text("Nothing of this kind was made."))
    try:
        path = await request.runtime.objects.checked_path(ref)
    except ObjectMissing as error:
        raise HTTPException(410, request.text("It has been erased.")) from error
    return FileResponse(path, media_type=media_type, headers=SAFE_HEADERS)
