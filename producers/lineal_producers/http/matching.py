"""Sentence match over HTTP: which sentences say the same as another one."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal.stages import Reject
from lineal.stages.services import Workers
from lineal.store.objects import reference
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal.workers.fair_queue import Caller
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.matching.match import match_sentence
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import guarded
from lineal_producers.http.requested_document import SAFE_HEADERS, requested_document

_MAX_BYTES = 1024 * 1024
_SECONDS = 120.0


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sentence: Annotated[str, Field(min_length=1, max_length=2_000)]


class _AskedOfText(_Asked):
    text: str


_B = TypeVar("_B", bound=_Asked)


def match_routes(runtime: Runtime, workers: Workers | None) -> list[Route]:
    """``POST /match`` with ``{"sentence": ..., "text": ...}``, and ``POST /documents/ID/match``
    with ``{"sentence": ...}``.

    Args:
        workers: where sentences are embedded; None: it is not answered.
    """

    async def of_text(request: Request) -> Response:
        asked = await _body(request, _AskedOfText)
        return await answer(asked.sentence, asked.text)

    async def of_document(request: Request) -> Response:
        info = await requested_document(runtime, request)
        asked = await _body(request, _Asked)
        found = await runtime.store.read(partial(find_renditions, document_id=info.document_id))
        if "text" not in found:
            raise HTTPException(404, "nothing was read of this document yet")
        text = found["text"]
        ref = reference(text.sha256, text.bytes, text.media_type)
        try:
            data = await runtime.objects.get(ref)
        except ObjectMissing as error:
            raise HTTPException(410, "what was read of it has been erased") from error
        return await answer(asked.sentence, data.decode())

    async def answer(sentence: str, text: str) -> Response:
        if workers is None:
            raise HTTPException(503, "no worker process runs here that could match sentences")
        try:
            found = await workers.run(
                match_sentence, sentence, text, caller=Caller("match", "http"), seconds=_SECONDS
            )
        except Reject as error:
            raise HTTPException(422, str(error)) from error
        except (WorkerTimeout, WorkerOutOfMemory, WorkerCrashed) as error:
            raise HTTPException(503, f"this text cannot be matched: {error}") from error
        shown = {
            "sentence": sentence,
            "polarity": found.polarity,
            "matches": [item.model_dump() for item in found.matches],
            "contrary": [item.model_dump() for item in found.contrary],
            "null": found.null.model_dump(),
        }
        return JSONResponse(shown, headers=SAFE_HEADERS)

    return [
        guarded("read", "/match", of_text, methods=["POST"]),
        guarded("read", "/documents/{id}/match", of_document, methods=["POST"]),
    ]


async def _body(request: Request, kind: type[_B]) -> _B:
    data = await limited(request, _MAX_BYTES, "give the text in parts").body()
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"{where}: {first['msg']}") from error
