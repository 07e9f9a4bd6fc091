"""The stage that finds what documents mention, and how it is meant."""

from __future__ import annotations

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.connection import Connection
from lineal_catalog.graph.effect import KIND, DocumentMentions, mentions_digest
from lineal_consumers.entities.config import (
    EntitiesConfig,
    vocabulary_artifact,
    vocabulary_file,
)
from lineal_consumers.entities.recognition import find_mentions
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.entities import EntitiesFound, Mentions


# The graph is a projection: replaying the topic must write it again, so nothing is memoised.
@stage(
    "entities",
    version="2",
    produces=EntitiesFound,
    memo=False,
    artifacts=vocabulary_artifact,
    reads=vocabulary_file,
    record_kind=KIND,
    lanes=WORKER_LANES,
)
async def entities(document: DocumentAnalyzed, ctx: Context[EntitiesConfig]) -> EntitiesFound:
    """Find the concepts that a document mentions, with their places, scores and polarity."""
    result = await ctx.objects.get(document.result, role="result")
    analysis = await ctx.objects.get(document.analysis, role="analysis")
    config = ctx.config
    found = await ctx.run(find_mentions, result, analysis, config, seconds=config.seconds)

    def look(connection: Connection) -> str:
        row = connection.execute(
            "SELECT value FROM labels WHERE document_id = ? AND key = ?",
            (document.document_id, config.about_label),
        ).fetchone()
        return "" if row is None else str(row[0])

    change = DocumentMentions(document.document_id, await ctx.query(look), found.mentions)
    ctx.add_effect(change)
    (vocabulary,) = vocabulary_artifact(config)
    # The record says what there is to be; `lineal verify` compares both.
    ctx.annotate(mentions=len(found.mentions), graph=mentions_digest(change))
    if found.left_out:
        ctx.annotate(left_out=found.left_out)
    stored = Mentions(mentions=found.mentions).model_dump_json().encode()
    return EntitiesFound(
        document_id=document.document_id,
        mentions=await ctx.objects.put(stored, "application/json", role="mentions"),
        count=len(found.mentions),
        affirmed=sum("affirmed" in item.polarity for item in found.mentions),
        negated=sum("negated" in item.polarity for item in found.mentions),
        vocabulary_sha256=vocabulary.sha256,
    )
