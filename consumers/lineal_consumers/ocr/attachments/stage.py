"""The stage that makes documents of what is attached to a document."""

from __future__ import annotations

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.workers.costs import Cost, cost_kind
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_consumers.ocr.attachments.config import AttachmentsConfig
from lineal_consumers.ocr.attachments.readers import Unpacked, may_have_attachments, unpack
from lineal_schemas.documents import DocumentArrived, DocumentClassified
from lineal_schemas.salt import derived_salt


@stage("ocr.attachments", version="2", produces=DocumentArrived, lanes=WORKER_LANES)
async def attachments(
    document: DocumentClassified, ctx: Context[AttachmentsConfig]
) -> tuple[DocumentArrived, ...]:
    """Each attachment arrives as a document, with the one around it as its parent. One that cannot
    be had arrives too, with the reason: it is rejected, and found beside the others."""
    if not may_have_attachments(document.kind, document.content.media_type):
        ctx.skip("documents of this kind have no attachments")
        return ()
    arrivals: list[DocumentArrived] = []
    path = await ctx.objects.path(document.content)
    cost = Cost(cost_kind(document.kind, path.stat().st_size))
    more = True
    while more:
        try:
            unpacked, more = await ctx.run(
                unpack, str(path), document.kind, len(arrivals), ctx.config,
                seconds=ctx.config.seconds, cost=cost,
            )  # fmt: skip
        except (WorkerTimeout, WorkerOutOfMemory, WorkerCrashed) as error:
            if isinstance(error, WorkerTimeout) and error.starved:
                raise
            # Trying again would cost the same, and the document's own text is not concerned.
            reason = f"attachments could not be unpacked: {type(error).__name__}"
            unpacked, more = [Unpacked("attachments", b"", reason)], False
        for item in unpacked:
            arrivals.append(await _arrival(document, len(arrivals) + 1, item, ctx))
    ctx.annotate(attachments=len(arrivals))
    return tuple(arrivals)


async def _arrival(
    document: DocumentClassified, number: int, item: Unpacked, ctx: Context[AttachmentsConfig]
) -> DocumentArrived:
    content, problem = None, item.problem
    depth = document.depth + 1
    if depth > ctx.config.depth:
        problem = f"the attachment lies in more than {ctx.config.depth} documents"
    if problem is None:
        content = await ctx.objects.put(item.data, "application/octet-stream", role="attachment")
    return DocumentArrived(
        name=item.name,
        source=f"document:{document.document_id}/{number}",
        tenant=document.tenant,
        labels=dict(item.labels),
        content=content,
        problem=problem,
        parent=document.document_id,
        depth=depth,
        salt=derived_salt(document.salt, str(number)),
    )
