"""The classify stage: a registered file's kind, pages, and plan of how they are read."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.workers.errors import WorkerTimeout
from lineal.workers.processor_time import call_within
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_schemas.documents import DocumentClassified, DocumentRegistered

_FREE_SECONDS = 3.0
"""Of processor time for a file of any size."""
_BYTES_PER_SECOND = 50_000
"""Of the file, for each further second."""


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
    seconds = _FREE_SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    try:
        found = await ctx.run(
            call_within,
            seconds,
            inspect_file,
            path,
            registered.name,
            ctx.config,
            seconds=ctx.config.seconds,
        )
    except WorkerTimeout as error:
        # It would take as long again.
        raise Reject(
            f"looking at the file takes more than {seconds:.0f} s of processor time, "
            f"or {ctx.config.seconds:g} s"
        ) from error
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
