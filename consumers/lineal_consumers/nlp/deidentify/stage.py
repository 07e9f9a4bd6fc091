"""The stage that makes de-identified copies of documents."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from lineal import Context, Reject, stage
from lineal.lineage.record import Artifact
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_catalog.documents.queries import ErasedDocument, UnknownDocument, find_document
from lineal_catalog.documents.renditions import DEIDENTIFIED, find_renditions
from lineal_consumers.nlp.deidentify.config import DeidentifyConfig
from lineal_consumers.nlp.deidentify.secret import UnusableSecret, read_secret
from lineal_schemas.objects import ObjectRef
from lineal_schemas.records import RecordDeidentificationRequested, RecordDeidentified


@stage("deidentify", version="1", produces=RecordDeidentified, memo=False, lanes=WORKER_LANES)
async def deidentify(
    request: RecordDeidentificationRequested, ctx: Context[DeidentifyConfig]
) -> RecordDeidentified:
    """Make a copy without identifiers, for those who may ask for it. What the document is made of
    is looked up in the ledger, and not taken from the event."""
    await ctx.require("redact")
    ctx.record_kind = "deidentify"
    if ctx.config.key_file is None:
        return _no_copy(request, ctx, "there is no key: set key_file in [stages.deidentify]")
    try:
        found = await ctx.query(partial(find_renditions, document_id=request.document_id))
        info = await ctx.query(partial(find_document, wanted=request.document_id))
    except (UnknownDocument, ErasedDocument) as error:
        return _no_copy(request, ctx, str(error))
    if "original" not in found:
        return _no_copy(request, ctx, "the document has no content")
    try:
        # Read here: worker processes see what they are given, and no files of the data folder.
        secret = await asyncio.to_thread(read_secret, ctx.config.key_file)
        return await _copy(request, found, Path(info.name).suffix.lower(), secret, ctx)
    except UnusableSecret as error:
        return _no_copy(request, ctx, str(error))
    except (WorkerTimeout, WorkerOutOfMemory, WorkerCrashed, Reject) as error:
        if isinstance(error, WorkerTimeout) and error.starved:
            raise
        return _no_copy(request, ctx, f"no copy could be made: {error}")


async def _copy(
    request: RecordDeidentificationRequested,
    found: dict[str, Artifact],
    suffix: str,
    secret: bytes,
    ctx: Context[DeidentifyConfig],
) -> RecordDeidentified:
    from lineal_consumers.nlp.deidentify.records import Wanted, deidentify_file, is_plain

    original, text = found["original"], found.get("text")
    plain = is_plain(original.media_type, suffix)
    made = await ctx.run(
        deidentify_file,
        str(await ctx.objects.path(_reference(original), role="content")),
        original.media_type,
        suffix,
        None if plain or text is None else await ctx.objects.get(_reference(text), role="text"),
        request.document_id,
        Wanted(request.pseudonyms, request.dates, request.patient, request.requested_us),
        secret,
        ctx.config.max_shift_days,
        seconds=ctx.config.seconds,
    )
    copy = await ctx.objects.put(made.data, made.media_type, role=DEIDENTIFIED)
    ctx.annotate(identifiers=sum(made.counts.values()), key=made.key_id)
    return RecordDeidentified(
        document_id=request.document_id, content=copy, identifiers=made.counts, dates=request.dates,
        key_id=made.key_id, table=request.table, by=request.by,
    )  # fmt: skip


def _no_copy(
    request: RecordDeidentificationRequested, ctx: Context[DeidentifyConfig], problem: str
) -> RecordDeidentified:
    ctx.annotate(not_deidentified="yes")
    return RecordDeidentified(
        document_id=request.document_id, problem=problem, dates=request.dates, by=request.by
    )


def _reference(artifact: Artifact) -> ObjectRef:
    return reference(artifact.sha256, artifact.bytes, artifact.media_type)
