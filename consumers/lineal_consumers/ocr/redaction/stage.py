"""The stage that makes redacted copies of documents."""

from __future__ import annotations

from functools import partial

from lineal import Context, Reject, stage
from lineal.lineage.record import Artifact
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_catalog.documents.queries import ErasedDocument, UnknownDocument, find_document
from lineal_catalog.documents.renditions import ANALYSIS, REDACTED, find_renditions
from lineal_consumers.ocr.redaction.config import RedactConfig
from lineal_schemas.documents import DocumentRedacted, DocumentRedactionRequested
from lineal_schemas.objects import ObjectRef


@stage("redact", version="1", produces=DocumentRedacted, memo=False, lanes=WORKER_LANES)
async def redact(
    request: DocumentRedactionRequested, ctx: Context[RedactConfig]
) -> DocumentRedacted:
    """Make a copy without what the request names, for those who may ask for it. What the document
    is made of is looked up in the ledger, and not taken from the event."""
    await ctx.require("redact")
    ctx.record_kind = "redact"
    try:
        found = await ctx.query(partial(find_renditions, document_id=request.document_id))
        info = await ctx.query(partial(find_document, wanted=request.document_id))
    except (UnknownDocument, ErasedDocument) as error:
        return _no_copy(request, ctx, str(error))
    if "original" not in found or "json" not in found:
        return _no_copy(request, ctx, "the document's text was not read yet")
    try:
        return await _copy(request, found, info.pages or 1, ctx)
    except (WorkerTimeout, WorkerOutOfMemory, WorkerCrashed, Reject) as error:
        if isinstance(error, WorkerTimeout) and error.starved:
            raise
        return _no_copy(request, ctx, f"no copy could be made: {error}")


async def _copy(
    request: DocumentRedactionRequested,
    found: dict[str, Artifact],
    pages: int,
    ctx: Context[RedactConfig],
) -> DocumentRedacted:
    from lineal_consumers.ocr.redaction.redact import redact_file

    config = ctx.config
    original, analysis = found["original"], found.get(ANALYSIS)
    made = await ctx.run(
        redact_file,
        str(await ctx.objects.path(_reference(original))),
        original.media_type,
        await ctx.objects.get(_reference(found["json"]), role="result"),
        None if analysis is None else await ctx.objects.get(_reference(analysis), role=ANALYSIS),
        request.model_dump_json(),
        config,
        seconds=config.seconds + config.page_seconds * min(pages, config.max_pages),
    )
    if made.problem is not None:
        return _no_copy(request, ctx, made.problem, made.places)
    copy = await ctx.objects.put(made.data, made.media_type, role=REDACTED)
    ctx.annotate(redacted_places=made.places)
    return DocumentRedacted(
        document_id=request.document_id, content=copy, places=made.places, by=request.by
    )


def _no_copy(
    request: DocumentRedactionRequested,
    ctx: Context[RedactConfig],
    problem: str,
    places: int = 0,
) -> DocumentRedacted:
    ctx.annotate(not_redacted="yes")
    return DocumentRedacted(
        document_id=request.document_id, problem=problem, places=places, by=request.by
    )


def _reference(artifact: Artifact) -> ObjectRef:
    return reference(artifact.sha256, artifact.bytes, artifact.media_type)
