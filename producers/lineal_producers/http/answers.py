"""Queries over HTTP: documents, renditions and searches."""

from __future__ import annotations

import asyncio
from functools import partial
from mimetypes import guess_extension
from typing import get_args
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.lineage.record import Artifact
from lineal.runtime import Runtime
from lineal.stages.services import Workers
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.csv_guard import guard_csv
from lineal_catalog.documents.made_renditions import (
    NoRendition,
    RenditionMaker,
    make_rendition,
    rendition_makers,
    rendition_source,
)
from lineal_catalog.documents.projection import Status
from lineal_catalog.documents.queries import (
    DocumentInfo,
    RelatedDocument,
    attachments_of,
    is_visible_to,
    list_documents,
    parents_of,
    sources_of,
)
from lineal_catalog.documents.renditions import (
    ANALYSIS,
    REDACTED,
    RENDITIONS,
    find_renditions,
    json_rendition,
)
from lineal_catalog.search.entries import MARK_BEGIN, MARK_END, search
from lineal_producers.http.guard import guarded, reader_names
from lineal_producers.http.parameters import number, pairs
from lineal_producers.http.requested_document import SAFE_HEADERS, requested_document
from lineal_schemas.objects import ObjectRef

_MAX_HITS = 1000
_ATTACHMENT = "attachment; filename*=utf-8''"
_NAMES = {"text": "txt", "json": "json", "csv": "csv", "pdf": "pdf"}
_UNMARKED = str.maketrans("", "", MARK_BEGIN + MARK_END)


def answer_routes(runtime: Runtime, workers: Workers | None = None) -> list[Route]:
    """``GET /documents``, ``/documents/ID``, ``/documents/ID/FORM`` and ``/search?q=``. Of CSV,
    cells that begin like formulas are made into text, unless ``?raw=1`` asks for them.

    Args:
        workers: where forms are made that are not stored; None: these are not answered.
    """

    async def documents(request: Request) -> Response:
        query = request.query_params
        status = query.get("status")
        if status is not None and status not in get_args(Status):
            raise HTTPException(400, f"status is one of {', '.join(get_args(Status))}")
        owner, limit = query.get("owner"), number(query.get("limit"))
        labels = pairs(query.getlist("label"))
        found = await runtime.store.read(
            lambda c: list_documents(
                c,
                status=status,
                owner=owner,
                labels=labels,
                limit=limit,
                names=reader_names(request),
            )
        )
        return JSONResponse([info.to_dict() for info in found])

    async def document(request: Request) -> Response:
        info = await requested_document(runtime, request)

        def related(connection: Connection) -> dict[str, list[RelatedDocument]]:
            return {
                "parents": [
                    item
                    for item in parents_of(connection, info.document_id)
                    if is_visible_to(connection, item.document_id, reader_names(request))
                ],
                "attachments": attachments_of(connection, info.document_id),
            }

        found = await runtime.store.read(related)
        sources = await runtime.store.read(partial(sources_of, document_id=info.document_id))
        return JSONResponse(
            info.to_dict()
            | {"source_deleted": bool(sources) and all(item.deleted for item in sources)}
            | {name: [item.to_dict() for item in items] for name, items in found.items()}
        )

    async def form(request: Request) -> Response:
        wanted = request.path_params["form"]
        maker = rendition_makers().get(wanted)
        if wanted not in RENDITIONS and maker is None:
            known = ", ".join((*RENDITIONS, *rendition_makers()))
            raise HTTPException(404, f"a document's forms are {known}")
        info = await requested_document(runtime, request)
        if maker is not None:
            return await _made(info, maker)
        forms = await runtime.store.read(partial(find_renditions, document_id=info.document_id))
        artifact = forms.get(wanted)
        if artifact is None:
            raise HTTPException(404, _no_form(info, wanted))
        try:
            if wanted == "json":
                found = forms.get(ANALYSIS)
                analysis = None if found is None else await runtime.objects.get(_reference(found))
                whole = await asyncio.to_thread(
                    json_rendition, await runtime.objects.get(_reference(artifact)), analysis
                )
                return Response(whole, media_type="application/json", headers=SAFE_HEADERS)
            if wanted == "csv" and request.query_params.get("raw") not in ("1", "true"):
                stored = await runtime.objects.get(_reference(artifact))
                return Response(
                    await asyncio.to_thread(guard_csv, stored),
                    media_type="text/csv",
                    headers=SAFE_HEADERS
                    | {"content-disposition": f"{_ATTACHMENT}{quote(info.name)}.csv"},
                )
            path = await runtime.objects.checked_path(_reference(artifact))
        except ObjectMissing as error:
            raise HTTPException(410, "the bytes of this document have been erased") from error
        if wanted == REDACTED:
            # The name of a document may be what is redacted in it.
            ending = guess_extension(artifact.media_type) or ""
            name = f"redacted-{info.document_id[:8]}{ending}"
        else:
            name = info.name if wanted == "original" else f"{info.name}.{_NAMES[wanted]}"
        media_type = artifact.media_type
        if wanted == "original" and info.media_type is not None:
            media_type = info.media_type
        return FileResponse(
            path,
            media_type=media_type,
            filename=name,
            headers=SAFE_HEADERS,
            content_disposition_type="attachment",
        )

    async def _made(info: DocumentInfo, maker: RenditionMaker) -> Response:
        if workers is None:
            raise HTTPException(503, f"no worker process runs here that could make {maker.name}")
        try:
            source = await rendition_source(runtime, info)
            made = await make_rendition(workers, maker, source, info.pages or 1)
        except NoRendition as error:
            raise HTTPException(404, f"the document has no {maker.name}: {error}") from error
        except ObjectMissing as error:
            raise HTTPException(410, "the bytes of this document have been erased") from error
        name = f"{quote(info.name)}.{maker.suffix}"
        return Response(
            made,
            media_type=maker.media_type,
            headers=SAFE_HEADERS | {"content-disposition": f"{_ATTACHMENT}{name}"},
        )

    async def search_pages(request: Request) -> Response:
        query = request.query_params
        if "q" not in query:
            raise HTTPException(400, "say what to search: /search?q=WORDS")
        limit = min(number(query.get("limit")) or 20, _MAX_HITS)
        filters = pairs(query.getlist("filter"))
        hits = await runtime.store.read(
            partial(
                search, text=query["q"], limit=limit, filters=filters, names=reader_names(request)
            )
        )
        return JSONResponse(
            [hit._asdict() | {"snippet": hit.snippet.translate(_UNMARKED)} for hit in hits]
        )

    return [
        guarded("read", "/documents", documents),
        guarded("read", "/documents/{id}", document),
        guarded("read", "/documents/{id}/{form}", form),
        guarded("read", "/search", search_pages),
    ]


def _reference(artifact: Artifact) -> ObjectRef:
    return reference(artifact.sha256, artifact.bytes, artifact.media_type)


def _no_form(info: DocumentInfo, form: str) -> str:
    if info.status in ("registered", "processing"):
        return f"the document is still {info.status}: its {form} may come, ask again later"
    return f"the document has no {form} (it is {info.status})"
