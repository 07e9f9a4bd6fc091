"""The stage that makes vectors of a document's paragraphs."""

from __future__ import annotations

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.workers.costs import Cost, cost_kind
from lineal_catalog.meaning.effect import KIND, ParagraphVectors, digest_of_change
from lineal_consumers.embed.config import EmbedConfig, engine_model
from lineal_consumers.embed.embedding import embed_text
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.meaning import DocumentEmbedded


# The vectors are a projection: replaying the topic must write them again, so nothing is memoised.
@stage(
    "embed",
    version="1",
    produces=DocumentEmbedded,
    memo=False,
    artifacts=engine_model,
    record_kind=KIND,
    lanes=WORKER_LANES,
)
async def embed(document: DocumentAnalyzed, ctx: Context[EmbedConfig]) -> DocumentEmbedded:
    """Embed the paragraphs of a document."""
    text = (await ctx.objects.get(document.text, role="text")).decode()
    config = ctx.config
    # A book takes a network minutes: others are not to wait for it.
    cost = Cost(cost_kind("text", len(text)), cheap=True)
    found = await ctx.run(
        embed_text, text, config.engine, config.max_paragraphs, seconds=config.seconds, cost=cost
    )
    change = ParagraphVectors(document.document_id, found.model, found.paragraphs, found.vectors)
    ctx.add_effect(change)
    (model,) = engine_model(config)
    # The record says what there is to be; `lineal verify` compares both.
    ctx.annotate(
        model=found.model,
        paragraphs=len(found.paragraphs),
        vectors=digest_of_change(change),
    )
    if found.left_out:
        ctx.annotate(left_out=found.left_out)
    return DocumentEmbedded(
        document_id=document.document_id,
        engine=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        paragraphs=len(found.paragraphs),
    )
