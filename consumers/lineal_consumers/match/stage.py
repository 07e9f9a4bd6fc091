"""The stage that finds the sentences of a text that say the same as another one."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.lineage.record import Artifact
from lineal.stages.declaration import WORKER_LANES
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.queries import is_visible_to
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.matching.match import match_sentence
from lineal_consumers.match.config import MatchConfig, engine_model
from lineal_schemas.matching import MatchMade, MatchRequested

_ANYBODY = ("",)
"""The names of somebody whom no access list names."""


# A document is looked up in the store, and who asks is checked: nothing is memoised.
@stage(
    "match",
    version="3",
    produces=MatchMade,
    memo=False,
    artifacts=engine_model,
    lanes=WORKER_LANES,
)
async def match(requested: MatchRequested, ctx: Context[MatchConfig]) -> MatchMade:
    """Match a sentence with those of a text, or of a document that who asks may see."""
    text = requested.text
    if (text is None) == (requested.document_id is None):
        raise Reject("a request for a match names a text or a document, and not both")
    if text is None:
        text = await _document_text(requested, ctx)
    config = ctx.config
    found = await ctx.run(
        match_sentence,
        requested.sentence,
        text,
        config.engine,
        config.max_p,
        seconds=config.seconds,
    )
    (model,) = engine_model(config)
    ctx.annotate(null_pairs=found.null.pairs, null_corpus=found.null.corpus, null=found.null.sha256)
    return MatchMade(
        request_id=requested.request_id,
        document_id=requested.document_id,
        sentence=requested.sentence,
        polarity=found.polarity,
        matches=found.matches,
        contrary=found.contrary,
        engine=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        null=found.null,
    )


async def _document_text(requested: MatchRequested, ctx: Context[MatchConfig]) -> str:
    await ctx.require("read")
    document_id = requested.document_id
    assert document_id is not None
    # An event says nothing that a reader could be known by: what only some may see, owners match.
    if not await ctx.query(lambda connection: is_visible_to(connection, document_id, _ANYBODY)):
        await ctx.require("manage")

    def look(connection: Connection) -> Artifact | None:
        return find_renditions(connection, document_id).get("text")

    artifact = await ctx.query(look)
    if artifact is None:
        raise Reject("there is no such document, or nothing was read of it yet")
    ref = reference(artifact.sha256, artifact.bytes, artifact.media_type)
    return (await ctx.objects.get(ref, role="text")).decode()
