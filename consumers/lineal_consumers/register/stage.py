"""The stage that turns an arrival of new bytes into a document."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal_schemas.descriptions import DocumentDescribed
from lineal_schemas.documents import DocumentArrived, DocumentRegistered, DocumentSourceDeleted
from lineal_schemas.payload import payload_bytes


# Whether bytes are new depends on what came before, not on the event alone: nothing to memoise.
@stage("register", version="1", produces=DocumentRegistered, memo=False)
async def register(arrival: DocumentArrived, ctx: Context) -> DocumentRegistered | None:
    # Who dropped it and under what name is kept as an object and not in the ledger, which holds
    # digests only: erasing the object erases the person. The registry is derived from both.
    await ctx.objects.put(payload_bytes(arrival), "application/json", role="arrival")
    if arrival.problem is not None:
        raise Reject(arrival.problem)
    if arrival.content is None:
        raise Reject("the arrival carries no content and no reason why")
    # Whatever reads the bytes, or never does: they are the document's, and erased with it.
    ctx.objects.add_input(arrival.content, "content")
    if not await ctx.claim(arrival.document_id):
        ctx.skip("the same bytes are registered already")
        return None
    ctx.annotate(status="registered")
    return DocumentRegistered(
        document_id=arrival.document_id,
        name=arrival.name,
        content=arrival.content,
        tenant=arrival.tenant,
        depth=arrival.depth,
        salt=arrival.salt,
    )


@register.on
async def source_deleted(event: DocumentSourceDeleted, ctx: Context) -> None:
    # As of an arrival: the record has the digest only, the catalog is derived from both.
    await ctx.objects.put(payload_bytes(event), "application/json", role="source_deleted")


@register.on
async def described(event: DocumentDescribed, ctx: Context) -> None:
    # As of an arrival.
    await ctx.objects.put(payload_bytes(event), "application/json", role="description")
