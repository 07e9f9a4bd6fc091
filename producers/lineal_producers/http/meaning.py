"""Search by meaning over HTTP: paragraphs like a text, and sentences that answer a question."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_catalog.meaning.answers import Answer, find_answers, places_of, results_of
from lineal_catalog.meaning.search import NothingEmbedded, find_passages
from lineal_producers.http.guard import guarded, reader_names
from lineal_producers.http.parameters import number, pairs
from lineal_producers.http.requested_document import SAFE_HEADERS

_MAX_PASSAGES, _MAX_ANSWERS = 100, 20


def meaning_routes(runtime: Runtime) -> list[Route]:
    """``GET /similar?q=TEXT`` and ``GET /ask?q=QUESTION``, with ``limit=`` and ``filter=K=V`` as of
    a search by words; only what who asks may see is found."""

    async def similar(request: Request) -> Response:
        query = request.query_params
        try:
            passages = await runtime.store.read(
                partial(
                    find_passages,
                    question=_text(query),
                    limit=min(number(query.get("limit")) or 20, _MAX_PASSAGES),
                    filters=pairs(query.getlist("filter")),
                    names=reader_names(request),
                    folder=runtime.settings.data / "vectors",
                )
            )
        except NothingEmbedded as error:
            raise HTTPException(404, str(error)) from error
        return JSONResponse([item.as_json() for item in passages], headers=SAFE_HEADERS)

    async def ask(request: Request) -> Response:
        query = request.query_params
        question = _text(query)
        try:
            answers = await runtime.store.read(
                partial(
                    find_answers,
                    question=question,
                    limit=min(number(query.get("limit")) or 3, _MAX_ANSWERS),
                    filters=pairs(query.getlist("filter")),
                    names=reader_names(request),
                    folder=runtime.settings.data / "vectors",
                )
            )
        except NothingEmbedded as error:
            raise HTTPException(404, str(error)) from error
        return JSONResponse(
            {"question": question, "answers": await _placed(runtime, answers)},
            headers=SAFE_HEADERS,
        )

    return [guarded("read", "/similar", similar), guarded("read", "/ask", ask)]


def _text(query: QueryParams) -> str:
    text = query.get("q", "").strip()
    if not text:
        raise HTTPException(400, "say what is asked: ?q=TEXT")
    return text


async def _placed(runtime: Runtime, answers: list[Answer]) -> list[dict[str, object]]:
    results = await runtime.store.read(partial(results_of, answers=answers))
    stored = {}
    for artifact in results.values():
        ref = reference(artifact.sha256, artifact.bytes, artifact.media_type)
        try:
            stored[artifact.sha256] = await runtime.objects.get(ref)
        except ObjectMissing as error:
            raise HTTPException(410, "what was read of a document has been erased") from error
    places = await asyncio.to_thread(places_of, answers, results, lambda item: stored[item.sha256])
    return [
        answer.as_json() | {"page": place.page, "boxes": place.boxes}
        for answer, place in zip(answers, places, strict=True)
    ]
