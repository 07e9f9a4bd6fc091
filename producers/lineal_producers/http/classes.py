"""``GET /classes``, ``POST /documents/ID/class`` and ``/documents/ID/split``: classes of documents,
and files that hold several."""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.classes.queries import list_classes
from lineal_catalog.classes.teaching import NoExample, NotRead, forget, teach
from lineal_catalog.documents.splitting import request_split
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.requested_document import requested_document

_MAX_BYTES = 4096


class _Example(BaseModel):
    """The body of ``POST /documents/ID/class``."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)


class _Split(BaseModel):
    """The body of ``POST /documents/ID/split``; empty: the boundaries are to be found."""

    model_config = ConfigDict(extra="forbid")

    first_pages: list[Annotated[int, Field(ge=1)]] = []


def class_routes(runtime: Runtime) -> list[Route]:
    """``POST /documents/ID/class`` with ``{"name": "invoice"}`` makes the document an example of
    the class, ``DELETE`` forgets it, ``POST
    /documents/ID/split`` with ``{"first_pages": [1, 4]}``, or nothing, has a file
    split into its documents; who may review may do so."""

    async def classes(request: Request) -> Response:
        return JSONResponse([each.to_dict() for each in await list_classes(runtime)])

    async def teach_one(request: Request) -> Response:
        info = await requested_document(runtime, request)
        body = await limited(request, _MAX_BYTES, "a class has a short name").body()
        try:
            example = _Example.model_validate(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise HTTPException(422, f"name: {first['msg']}") from error
        try:
            [event] = await teach(
                runtime, {info.document_id: example.name}, credential_in(request), "lineal:http"
            )
        except NotRead as error:
            raise HTTPException(409, str(error)) from error
        answer = {"document_id": info.document_id, "class": example.name, "event": event}
        return JSONResponse(answer, status_code=202)

    async def forget_one(request: Request) -> Response:
        info = await requested_document(runtime, request)
        try:
            [event] = await forget(
                runtime, [info.document_id], credential_in(request), "lineal:http"
            )
        except NoExample as error:
            raise HTTPException(404, str(error)) from error
        return JSONResponse({"document_id": info.document_id, "event": event}, status_code=202)

    async def split(request: Request) -> Response:
        info = await requested_document(runtime, request)
        body = await limited(request, _MAX_BYTES, "name fewer pages").body()
        try:
            wanted = _Split.model_validate(orjson.loads(body or b"{}"))
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise HTTPException(422, f"first_pages: {first['msg']}") from error
        if max(wanted.first_pages, default=1) > (info.pages or 1):
            raise HTTPException(422, f"first_pages: it has {info.pages or 1} pages")
        event = await request_split(
            runtime, info.document_id, wanted.first_pages, credential_in(request), "lineal:http"
        )
        answer = {"document_id": info.document_id, "event": event}
        return JSONResponse(answer, status_code=202)

    return [
        guarded("review", "/documents/{id}/split", split, methods=["POST"]),
        guarded("read", "/classes", classes),
        guarded("review", "/documents/{id}/class", teach_one, methods=["POST"]),
        guarded("review", "/documents/{id}/class", forget_one, methods=["DELETE"]),
    ]
