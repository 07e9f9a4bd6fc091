"""Reading a document: its plan is scattered into parts, each is read, and all are assembled.

A part asks for the one that comes a window later, so a long document has a few parts under way at
any time: it floods no topic, and other documents are read in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from lineal import Context, Reject, fan_in, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.workers.costs import Cost, cost_kind
from lineal.workers.errors import WorkerTimeout
from lineal_consumers.ocr.config import GatherConfig, OcrConfig, ScatterConfig
from lineal_consumers.ocr.models import recognition_models
from lineal_consumers.ocr.office_program import office_read
from lineal_schemas.documents import (
    DocumentClassified,
    DocumentPartExtracted,
    DocumentPartRequested,
    DocumentReviewRequested,
    DocumentTextExtracted,
    PageRange,
)
from lineal_schemas.payload import Payload

_FREE_SECONDS = 4.0
"""Of processor time for the reading of one part of a file of any size."""
_BYTES_PER_SECOND = 10_000
"""Of the file, for each further second; a scanned page of so many bytes takes less than one."""
_COSTLY_PART = 0.3
_COSTLY_PARSED_PART = 1 / 16
"""Of the limit: without recognition the same bytes take much less."""


class ReadingPlan(BaseModel):
    """All page ranges of a document, stored once and passed on by reference."""

    model_config = ConfigDict(frozen=True)

    window: int
    """How many parts later the one is that a part asks for. It belongs to the plan: were it read
    from the settings by each part, a change on the way would lose parts or read them twice."""
    parts: tuple[PageRange, ...]


@stage(
    "ocr.scatter",
    version="1",
    produces=DocumentPartRequested,
)
async def scatter(
    document: DocumentClassified, ctx: Context[ScatterConfig]
) -> tuple[DocumentPartRequested, ...]:
    """Ask for the first parts of the plan."""
    plan = ReadingPlan(window=ctx.config.window, parts=document.plan)
    stored = await ctx.objects.put(
        plan.model_dump_json().encode(), media_type="application/json", role="plan"
    )
    # Named after what is read, and not after the event that asks for it: a document whose
    # classification comes again unchanged is not read again.
    group_id = f"{document.document_id}/{document.kind}/{stored.sha256}/{scatter.version}"
    return tuple(
        DocumentPartRequested(
            group_id=group_id,
            index=index,
            count=len(plan.parts),
            document_id=document.document_id,
            content=document.content,
            kind=document.kind,
            pages=pages,
            plan=stored,
        )
        for index, pages in enumerate(plan.parts[: plan.window])
    )


@stage(
    "ocr",
    version="4",
    produces=(DocumentPartExtracted, DocumentPartRequested),
    artifacts=recognition_models,
    reads=office_read,
    warm_up="lineal_consumers.ocr.warm_up:load_recognition",
    lanes=WORKER_LANES,
)
async def recognize(part: DocumentPartRequested, ctx: Context[OcrConfig]) -> tuple[Payload, ...]:
    """Read one part, and ask for the one a window later."""
    from lineal_consumers.ocr.reading import read_part

    content = await ctx.objects.path(part.content)
    size = content.stat().st_size
    seconds = _FREE_SECONDS + size / _BYTES_PER_SECOND
    cost = Cost(
        kind=cost_kind(f"{part.kind}/{part.pages.method}", size),
        limit=seconds,
        costly_part=_COSTLY_PART if part.pages.method == "ocr" else _COSTLY_PARSED_PART,
        cheap=part.kind in ("text", "markdown"),
    )
    try:
        result = await ctx.run(
            read_part,
            str(content),
            part.kind,
            part.pages,
            ctx.config,
            seconds=ctx.config.page_seconds,
            cost=cost,
        )
    except WorkerTimeout as error:
        if error.starved:
            raise
        # It would take as long again.
        raise Reject(
            f"reading takes too long: pages {part.pages.first} to {part.pages.last} of the file "
            f"took {error.spent}"
        ) from error
    extracted = DocumentPartExtracted(
        group_id=part.group_id,
        index=part.index,
        count=part.count,
        document_id=part.document_id,
        content=part.content,
        kind=part.kind,
        pages=part.pages,
        result=await ctx.objects.put(result, media_type="application/gzip", role="part"),
    )
    plan = ReadingPlan.model_validate_json(await ctx.objects.get(part.plan, role="plan"))
    following = part.index + plan.window
    if following >= part.count:
        return (extracted,)
    request = part.model_copy(update={"index": following, "pages": plan.parts[following]})
    return (extracted, request)


@fan_in(
    "ocr.gather",
    version="1",
    produces=(DocumentTextExtracted, DocumentReviewRequested),
    warm_up="lineal_consumers.ocr.warm_up:load_writing",
    lanes=WORKER_LANES,
)
async def assemble(
    parts: Sequence[DocumentPartExtracted], ctx: Context[GatherConfig]
) -> tuple[Payload, ...]:
    """Join all parts, and ask a person to look at doubtful pages."""
    from lineal_consumers.ocr.assembling import assemble_parts

    first = parts[0]
    content = await ctx.objects.path(first.content)
    results = [await ctx.objects.get(part.result, role="part") for part in parts]
    seconds = ctx.config.seconds + ctx.config.page_seconds * parts[-1].pages.last
    made = await ctx.run(assemble_parts, str(content), first.kind, results, seconds=seconds)
    put = ctx.objects.put
    result = await put(made.result, media_type="application/gzip", role="result")
    pdf = first.content if first.kind == "pdf" else None
    if made.pdf is not None:
        pdf = await put(made.pdf, media_type="application/pdf", role="pdf")
    csv = None
    if made.csv is not None:
        csv = await put(made.csv, media_type="text/csv", role="csv")
    extracted = DocumentTextExtracted(
        document_id=first.document_id,
        content=first.content,
        kind=first.kind,
        pages=made.pages,
        text=await put(made.text, media_type="text/plain;charset=utf-8", role="text"),
        result=result,
        csv=csv,
        pdf=pdf,
    )
    if not made.doubts:
        return (extracted,)
    review = DocumentReviewRequested(
        document_id=first.document_id, result=result, doubts=made.doubts
    )
    return (extracted, review)
