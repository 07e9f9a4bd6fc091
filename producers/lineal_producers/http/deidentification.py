"""``POST /documents/ID/deidentifications``: asks for a copy of a document without identifiers."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.documents.deidentification import request_deidentification
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.requested_document import requested_document

_MAX_BYTES = 64 * 1024
_FIELDS = frozenset(("pseudonyms", "dates", "patient"))


def deidentification_routes(runtime: Runtime) -> list[Route]:
    """``POST /documents/ID/deidentifications`` with ``{"dates": "shift", "pseudonyms": true}``: the
    copy is then ``GET /documents/ID/deidentified``."""

    async def deidentify(request: Request) -> Response:
        info = await requested_document(runtime, request)
        wanted = _read(await limited(request, _MAX_BYTES, "name less at once").body())
        try:
            event = await request_deidentification(
                runtime, info.document_id, credential_in(request), "lineal:http", **wanted
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        answer = {
            "document_id": info.document_id,
            "event": event,
            "deidentified": f"/documents/{info.document_id}/deidentified",
        }
        return JSONResponse(answer, status_code=202)

    return [guarded("redact", "/documents/{id}/deidentifications", deidentify, methods=["POST"])]


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(wanted, dict):
        raise HTTPException(400, "the body is a JSON object")
    if unknown := set(wanted) - _FIELDS:
        raise HTTPException(422, f"{min(unknown)} is none of {', '.join(sorted(_FIELDS))}")
    return wanted
