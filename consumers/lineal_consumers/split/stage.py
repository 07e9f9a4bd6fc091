"""The stage that makes documents of the parts of a file that holds several."""

from __future__ import annotations

from functools import partial

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal_catalog.reviews.opinions import opinions_of
from lineal_consumers.split.config import SplitConfig
from lineal_consumers.split.splitting import (
    class_models,
    file_of,
    is_stream,
    split_at_pages,
    split_by_signals,
)
from lineal_schemas.documents import DocumentArrived, DocumentTextExtracted
from lineal_schemas.payload import Payload
from lineal_schemas.reviews import ReviewCompleted, ReviewRequested, ReviewValue
from lineal_schemas.streams import DocumentSplit, DocumentSplitRequested


@stage(
    "split",
    version="3",
    produces=(DocumentSplit, DocumentArrived, ReviewRequested),
    in_use=class_models,
    memo=False,
    lanes=WORKER_LANES,
)
async def split(document: DocumentTextExtracted, ctx: Context[SplitConfig]) -> list[Payload]:
    """Split a file that was read, if it is to be."""
    if document.kind not in ("pdf", "image") or document.pages < 2 or document.pdf is None:
        ctx.skip("it has one page, or no pages to look at")
        return []
    file = await file_of(document.document_id, ctx)
    if not is_stream(file, ctx.config):
        ctx.skip("nobody says that it holds several documents: the label stream")
        return []
    file = file._replace(result=document.result, pdf=document.pdf)
    return await split_by_signals(file, ctx)


@split.on
async def requested(request: DocumentSplitRequested, ctx: Context[SplitConfig]) -> list[Payload]:
    """Split a file because a person says so."""
    await ctx.require("review")
    file = await file_of(request.document_id, ctx)
    if request.first_pages:
        return await split_at_pages(file, request.first_pages, ctx)
    return await split_by_signals(file, ctx)


@split.on
async def answered(answer: ReviewCompleted, ctx: Context[SplitConfig]) -> list[Payload]:
    """Split a file where a person has said that documents begin."""
    kind, _, document_id = answer.subject.partition(":")
    if answer.target != "split" or kind != "document":
        ctx.skip("it is about something else")
        return []
    event_id = ctx.event.id
    known = await ctx.query(partial(opinions_of, item_id=answer.item))
    if all(made.event_id != event_id for made in known):
        raise Reject("nobody has given this answer: `lineal review complete` does")
    value = ReviewValue.model_validate_json(await ctx.objects.get(answer.after, role="answer"))
    if value.first_pages is None:
        raise Reject("the answer does not say with which pages documents begin")
    return await split_at_pages(await file_of(document_id, ctx), value.first_pages, ctx)
