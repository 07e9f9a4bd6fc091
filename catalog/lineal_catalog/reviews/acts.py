"""What people do with items: take, give back, skip, save a draft, ask for another look."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

from lineal.effects.records import lineage_records
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.renditions import ANALYSIS, FIELDS, find_renditions
from lineal_catalog.reviews.class_evidence import evidence_figures
from lineal_catalog.reviews.item_state import InReview
from lineal_catalog.reviews.leases import draft_of, end_lease, keep_draft, lease
from lineal_catalog.reviews.opinions import opinions_of
from lineal_catalog.reviews.queries import (
    EVERYTHING,
    Filter,
    Order,
    ReviewItem,
    UnknownReview,
    next_reviews,
    request_of,
)
from lineal_catalog.reviews.readings import value_of
from lineal_catalog.reviews.reviewer import SOURCE, Reviewer, find
from lineal_catalog.reviews.thresholds import KIND
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.results import Analysis
from lineal_schemas.reviews import (
    ReviewRequested,
    ReviewValue,
)


async def take(runtime: Runtime, wanted: str, who: Reviewer) -> ReviewItem:
    """Begin to work on an item: others are told so for a quarter of an hour, or as long as drafts
    come.

    Raises:
        NotPermitted, UnknownReview, ReviewConflict
    """
    who.by.require("review")
    item = await find(runtime, wanted, who)
    now = now_us()
    item.state.check(who.actor, now)
    if not await runtime.store.write(
        partial(lease, item_id=item.item_id, actor=who.actor, now=now)
    ):
        item = await find(runtime, item.item_id, who)
        item.state.check(who.actor, now_us())
        raise InReview("somebody else has just taken it")
    return await find(runtime, item.item_id, who)


async def take_next(
    runtime: Runtime, who: Reviewer, wanted: Filter = EVERYTHING, order: Order = "age"
) -> ReviewItem | None:
    """Take the first item that waits and that nobody works on; None: nothing is left to do.

    Raises:
        NotPermitted
    """
    who.by.require("review")
    while True:
        found = await runtime.store.read(
            partial(
                next_reviews, actor=who.actor, now=now_us(), wanted=wanted, order=order,
                names=who.names,
            )
        )  # fmt: skip
        if not found:
            return None
        for item_id in found:
            if await runtime.store.write(
                partial(lease, item_id=item_id, actor=who.actor, now=now_us())
            ):
                return await find(runtime, item_id, who)


async def release(runtime: Runtime, wanted: str, who: Reviewer) -> None:
    """Give an item back; what was entered stays as a draft.

    Raises:
        NotPermitted, UnknownReview
    """
    who.by.require("review")
    item = await find(runtime, wanted, who)
    await runtime.store.write(partial(end_lease, item_id=item.item_id, actor=who.actor))


async def skip(runtime: Runtime, wanted: str, who: Reviewer, reason: str = "") -> None:
    """Leave an item to others; it is recorded, and not offered to this person again.

    Raises:
        NotPermitted, UnknownReview, DecidedBefore
    """
    who.by.require("review")
    item = await find(runtime, wanted, who)
    if item.state.decision is not None:
        item.state.check(who.actor, now_us())
    entry = StepEntry(
        item.subject, now_us(), kind=KIND, reason=reason.strip()[:200] or None,
        attributes={"act": "skip", "item": item.item_id, "target": item.target},
    )  # fmt: skip
    record = record_of(entry, build=None, actor=who.actor, worker=this_worker())
    await runtime.committer.publish((), lineage_records([record]))
    await runtime.flush_ledger()
    await runtime.store.write(partial(end_lease, item_id=item.item_id, actor=who.actor))


async def save_draft(
    runtime: Runtime, wanted: str, value: ReviewValue, who: Reviewer
) -> dict[str, Any]:
    """Keep what somebody has entered so far, durable on return, and their lease with it.

    It is kept whoever has the item: the answer says whether somebody else does. One that comes
    behind their own answer, as from a page that saves by itself, is that answer's past: it is
    neither kept, nor does it give them the item again.

    Raises:
        NotPermitted, UnknownReview
    """
    who.by.require("review")
    item = await find(runtime, wanted, who)
    now = now_us()

    def save(connection: Connection) -> bool:
        if any(made.actor == who.actor for made in opinions_of(connection, item.item_id)):
            return True
        keep_draft(connection, item.item_id, who.actor, value, now)
        decided = item.state.decision is not None
        return decided or lease(connection, item.item_id, who.actor, now)

    mine = await runtime.store.write(save)
    fresh = item if mine else await find(runtime, item.item_id, who)
    told = fresh.to_dict(who.actor, now)
    return {"saved_us": now, "status": told["status"], "taken": None if mine else told["taken"],
            "opinions": told["opinions"]}  # fmt: skip


async def details(runtime: Runtime, item: ReviewItem, who: Reviewer) -> dict[str, Any]:
    """All that a page needs to show an item: where to look, the draft, and what may be seen of
    others' answers."""
    told = item.to_dict(who.actor, now_us())
    for opinion in told["opinions"]:
        value = await value_of(runtime, opinion["after"])
        opinion["value"] = None if value is None else plain_value(value)
    asked = await runtime.store.read(partial(request_of, item=item))
    told["places"] = [place.model_dump(mode="json") for place in asked.places] if asked else []
    told["evidence"] = None
    if asked is not None and asked.evidence is not None:
        told["evidence"] = await runtime.store.read(partial(evidence_figures, shown=asked.evidence))
    told["draft"] = await runtime.store.read(
        partial(draft_of, item_id=item.item_id, actor=who.actor)
    )
    return told


def plain_value(value: ReviewValue) -> dict[str, Any]:
    """What is said, as JSON shows it."""
    return value.model_dump(mode="json", exclude={"salt"}, exclude_defaults=True)


async def request_review(
    runtime: Runtime, document_id: str, target: str, who: Reviewer
) -> ReviewRequested:
    """Ask that people look at a document: at its ``text``, ``class``, ``fields``, ``tables`` or
    ``redaction``. What was decided already is asked about anew.

    Raises:
        NotPermitted
        UnknownReview: the document has not been read yet.
    """
    who.by.require("review")
    found = await runtime.store.read(partial(find_renditions, document_id=document_id))
    stored = found.get(ANALYSIS if target == "class" else "json")
    if target == FIELDS:
        stored = found.get(FIELDS, stored)
    if stored is None:
        raise UnknownReview(f"document {document_id} has not been read yet: ask again later")
    name = None
    confidence = None
    if (analysed := found.get(ANALYSIS)) is not None:
        data = await runtime.objects.get(reference(analysed.sha256, 0, analysed.media_type))
        document_class = (await asyncio.to_thread(Analysis.from_gzip, data)).document_class
        name, confidence = document_class.name, document_class.confidence
    requested = ReviewRequested(
        subject=f"document:{document_id}", target=target, basis=stored.sha256, reason="asked",
        document_class=name, confidence=confidence,
    )  # fmt: skip
    again = 1
    while await _is_decided(runtime, requested.item, who):
        again += 1
        requested = requested.model_copy(update={"of": f"look {again}"})
    identifier = arrival_id(SOURCE, requested.item, f"request\n{uuid4()}")
    event = first_event(
        requested, id=identifier, source=SOURCE, actor=who.actor,
        traceparent=first_traceparent(requested.subject, identifier),
    )  # fmt: skip
    entry = StepEntry(
        requested.subject,
        now_us(),
        kind="ask",
        outputs=(Artifact(digest(event.data), event.datacontenttype, len(event.data), "event"),),
        events_out=(identifier,),
        attributes={"item": requested.item, "target": target},
        trace=trace_id(event.traceparent),
    )
    record = record_of(entry, build=None, actor=who.actor, worker=this_worker())
    await runtime.committer.publish([(event.type, event)], lineage_records([record]))
    return requested


async def _is_decided(runtime: Runtime, item_id: str, who: Reviewer) -> bool:
    try:
        return (await find(runtime, item_id, who)).state.decision is not None
    except UnknownReview:
        return False
