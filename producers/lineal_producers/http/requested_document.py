"""The document that a request asks for, if who asks may see it."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lineal.runtime import Runtime
from lineal_catalog.documents.queries import (
    DocumentInfo,
    ErasedDocument,
    UnknownDocument,
    find_document,
)
from lineal_producers.http.guard import reader_names

SAFE_HEADERS = {
    # Whatever a document holds, no browser is to run it in our name.
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}


async def requested_document(runtime: Runtime, request: Request) -> DocumentInfo:
    """The document of the path's ``id``: an id, a unique beginning of one, or a name.

    Raises:
        HTTPException: 404, there is none that who asks may see; 410, it was erased.
    """
    wanted = request.path_params["id"]
    try:
        names = reader_names(request)
        return await runtime.store.read(partial(find_document, wanted=wanted, names=names))
    except ErasedDocument as error:
        raise HTTPException(410, str(error)) from error
    except UnknownDocument as error:
        raise HTTPException(404, f"{error} (GET /documents)") from error
