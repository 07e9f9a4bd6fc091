"""The classify stage: a registered file's kind, pages, and plan of how they are read."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.workers.errors import WorkerTimeout
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.expected_cost import expected_cost
from lineal_consumers.classify.inspection import inspect_file
from lineal_schemas.documents import DocumentClassified, DocumentRegistered


@stage(
    "classify",
    version="1",
    produces=DocumentClassified,
    warm_up="lineal_consumers.classify.warm_up:load",
    lanes=WORKER_LANES,
)
async def classify(
    registered: DocumentRegistered, ctx: Context[ClassifyConfig]
) -> DocumentClassified:
    path = await ctx.objects.path(registered.content)
    cost = expected_cost(path)
    try:
        found = await ctx.run(
            inspect_file,
            path,
            registered.name,
            ctx.config,
            seconds=ctx.config.seconds,
            cost=cost,
        )
    except WorkerTimeout as error:
        if error.starved:
            raise
        # It would take as long again.
        raise Reject(f"looking at the file takes too long: {error.spent}") from error
    ctx.annotate(kind=found.kind, media_type=found.media_type, pages=found.pages)
    return DocumentClassified(
        document_id=registered.document_id,
        name=registered.name,
        content=registered.content.model_copy(update={"media_type": found.media_type}),
        kind=found.kind,
        pages=found.pages,
        plan=found.plan,
        tenant=registered.tenant,
        depth=registered.depth,
        salt=registered.salt,
    )
