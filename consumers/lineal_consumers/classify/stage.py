"""The classify stage: a registered file's kind, pages, and plan of how they are read."""

from __future__ import annotations

from lineal import Context, stage
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_schemas.documents import DocumentClassified, DocumentRegistered


@stage(
    "classify",
    version="1",
    produces=DocumentClassified,
    warm_up="lineal_consumers.classify.warm_up:load",
)
async def classify(
    registered: DocumentRegistered, ctx: Context[ClassifyConfig]
) -> DocumentClassified:
    path = await ctx.objects.path(registered.content)
    found = await ctx.run(
        inspect_file, path, registered.name, ctx.config, seconds=ctx.config.seconds
    )
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
