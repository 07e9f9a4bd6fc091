"""``POST /documents/ID/redactions``: asks for a redacted copy of a document."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.documents.redaction import request_redaction
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.requested_document import requested_document

_MAX_BYTES = 1024 * 1024
_FIELDS = frozenset(("personal", "types", "words", "fields", "boxes", "pseudonyms", "reason"))


def redaction_routes(runtime: Runtime) -> list[Route]:
    """``POST /documents/ID/redactions`` with ``{"personal": true, "words": [...], "reason": ...}``:
    the copy is then ``GET /documents/ID/redacted``."""

    async def redact(request: Request) -> Response:
        info = await requested_document(runtime, request)
        wanted = _read(await limited(request, _MAX_BYTES, "name less at once").body())
        try:
            event = await request_redaction(
                runtime, info.document_id, credential_in(request), "lineal:http", **wanted
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        answer = {
            "document_id": info.document_id,
            "event": event,
            "redacted": f"/documents/{info.document_id}/redacted",
        }
        return JSONResponse(answer, status_code=202)

    return [guarded("redact", "/documents/{id}/redactions", redact, methods=["POST"])]


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(wanted, dict):
        raise HTTPException(400, "the body is a JSON object")
    if unknown := set(wanted) - _FIELDS:
        raise HTTPException(422, f"{min(unknown)} is none of {', '.join(sorted(_FIELDS))}")
    return wanted
