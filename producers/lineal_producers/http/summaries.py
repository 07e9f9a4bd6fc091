"""Summaries over HTTP: the central sentences, dated facts and topics of documents."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.lineage.record import Artifact
from lineal.runtime import Runtime
from lineal.stages.services import Workers
from lineal.store.objects import reference
from lineal_catalog.documents.queries import UnknownDocument
from lineal_catalog.summaries.query import (
    MAX_SENTENCES,
    MAX_TOPICS,
    NothingToSummarize,
    document_texts,
    find_sources,
    summarize,
)
from lineal_producers.http.guard import guarded, reader_names
from lineal_producers.http.parameters import number, pairs
from lineal_producers.http.requested_document import SAFE_HEADERS

_DEFAULT = 5


def summary_route(runtime: Runtime, workers: Workers | None) -> Route:
    """``GET /summary?document=ID&document=...``, or ``?q=WORDS``, or ``?label=K=V&owner=``; with
    ``sentences=`` and ``topics=``.

    Args:
        workers: where it is made; None: it is not answered.
    """

    async def summary(request: Request) -> Response:
        query = request.query_params
        sentences = _bounded("sentences", query.get("sentences"), 1, MAX_SENTENCES)
        topics = _bounded("topics", query.get("topics"), 0, MAX_TOPICS)
        documents, words = query.getlist("document"), query.get("q")
        labels, owner = pairs(query.getlist("label")), query.get("owner")
        if sum((bool(documents), words is not None, bool(labels) or owner is not None)) > 1:
            raise HTTPException(400, "give document=, or q=, or label= and owner=")
        if workers is None:
            raise HTTPException(503, "no worker process runs here that could make a summary")
        try:
            sources = await runtime.store.read(
                partial(
                    find_sources,
                    documents=documents,
                    query=words,
                    labels=labels,
                    owner=owner,
                    names=reader_names(request),
                )
            )
            artifacts = [
                item
                for source in sources
                for item in (source.result, source.analysis)
                if item is not None
            ]
            stored = {item.sha256: await _read(runtime, item) for item in artifacts}
            texts = document_texts(sources, lambda artifact: stored[artifact.sha256])
            report = await summarize(workers, texts, sentences=sentences, topics=topics)
        except (NothingToSummarize, UnknownDocument) as error:
            raise HTTPException(404, str(error)) from error
        except ObjectMissing as error:
            raise HTTPException(410, "what was read of a document has been erased") from error
        return JSONResponse(report, headers=SAFE_HEADERS)

    return guarded("read", "/summary", summary)


async def _read(runtime: Runtime, artifact: Artifact) -> bytes:
    return await runtime.objects.get(
        reference(artifact.sha256, artifact.bytes, artifact.media_type)
    )


def _bounded(name: str, given: str | None, least: int, most: int) -> int:
    value = number(given)
    if value is None:
        return _DEFAULT
    if not least <= value <= most:
        raise HTTPException(400, f"{name} is {least} to {most}")
    return value
