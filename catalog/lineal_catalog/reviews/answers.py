"""Answers to items of the review queue.

An answer is an event, its record and its number in one publication. Whoever is second is told what
the first did, and what they entered stays as a draft.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from lineal.access.acts import NotPermitted
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.errors import LinealError, StateConflict
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.objects import SMALL_BYTES, reference
from lineal_catalog.documents.renditions import FIELDS
from lineal_catalog.reviews.correcting import machine_value, page_text
from lineal_catalog.reviews.item_state import DecidedBefore, InReview, Opinion
from lineal_catalog.reviews.leases import draft_of, keep_draft
from lineal_catalog.reviews.opinions import ReviewAnswer
from lineal_catalog.reviews.projection import AFTER_ROLE, BEFORE_ROLE
from lineal_catalog.reviews.queries import (
    ReviewItem,
    places_of,
)
from lineal_catalog.reviews.readings import (
    JSON,
    current_reading,
    extracted_fields,
    request_of,
    value_of,
)
from lineal_catalog.reviews.redaction import redaction_boxes
from lineal_catalog.reviews.reviewer import SOURCE, Reviewer, find
from lineal_catalog.reviews.thresholds import KIND
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.reviews import (
    FieldValue,
    PageText,
    ReviewCompleted,
    ReviewOpinion,
    ReviewValue,
)
from lineal_schemas.salt import new_salt


class EmptyAnswer(LinealError, ValueError):
    """An answer says nothing."""


async def complete(
    runtime: Runtime,
    wanted: str,
    value: ReviewValue | None,
    who: Reviewer,
    *,
    seconds: float | None = None,
) -> ReviewCompleted | ReviewOpinion:
    """Answer an item. The same answer of the same person again changes nothing: an answer that was
    lost on its way can be asked for again.

    Args:
        value: what is said; None: the draft, or where there is none, that the machine is right
            about what was asked.
        seconds: how long it took; None: since the item was taken, as long as they had it.

    Raises:
        NotPermitted: they may not review, or boxes are to be redacted, and they may not redact;
            the draft is kept.
        UnknownReview
        ReviewConflict: somebody else was first, or works on it; the draft is kept.
        EmptyAnswer
        WrongBox: a box to redact is on no page.
    """
    who.by.require("review")
    await runtime.flush_ledger()
    said: ReviewValue | None = value
    while True:
        item = await find(runtime, wanted, who)
        if said is None:
            said = await _draft_or_question(runtime, item, who)
        if (made := await _answered_before(runtime, item, said, who)) is not None:
            return made
        try:
            item.state.check(who.actor, now_us())
            if redaction_boxes(said):
                who.by.require("redact")
        except (DecidedBefore, InReview, NotPermitted):
            keep = partial(keep_draft, item_id=item.item_id, actor=who.actor, value=said)
            await runtime.store.write(partial(keep, now=now_us()))
            raise
        try:
            return await _answer(runtime, item, said, who, seconds)
        except StateConflict:
            await runtime.flush_ledger()  # somebody was faster: look again


async def _draft_or_question(runtime: Runtime, item: ReviewItem, who: Reviewer) -> ReviewValue:
    kept = await runtime.store.read(partial(draft_of, item_id=item.item_id, actor=who.actor))
    if kept is not None:
        return ReviewValue.model_validate(kept["value"])
    if item.target == "class" and item.document_class is not None:
        return ReviewValue(document_class=item.document_class)
    if item.target == "anomaly":
        return ReviewValue(verdict="anomaly")
    if item.target == "package":
        raise EmptyAnswer("say whether the package passes: --verdict normal, or anomaly")
    if item.target == "split":
        raise EmptyAnswer("say with which pages documents begin: --first-pages 1,4,9")
    if item.target == FIELDS and item.document_id is not None:
        extracted = await extracted_fields(runtime, item.document_id)
        if extracted is not None:
            return ReviewValue(
                fields=tuple(
                    FieldValue(page=1, key=field.name, value=field.value)
                    for field in extracted.fields
                    if field.value is not None
                )
            )
    result, _, _ = await current_reading(runtime, item)
    pages = {place.page for place in await runtime.store.read(partial(places_of, item=item))}
    if result is None or not pages:
        raise EmptyAnswer("say what is right: nothing was entered")
    return ReviewValue(
        pages=tuple(
            PageText(page=page.number, text=page_text(result, page))
            for page in result.pages
            if page.number in pages
        )
    )


async def _answered_before(
    runtime: Runtime, item: ReviewItem, value: ReviewValue, who: Reviewer
) -> ReviewCompleted | ReviewOpinion | None:
    """The same answer of this person, if it was given already."""
    own = next((made for made in item.state.opinions if made.actor == who.actor), None)
    if own is None:
        return None
    known = await value_of(runtime, own.after)
    if known is None or not known.is_same(value):
        return None
    return await _payload(runtime, item, own)


async def _payload(
    runtime: Runtime, item: ReviewItem, made: Opinion
) -> ReviewCompleted | ReviewOpinion:
    request = await request_of(runtime, item)
    return _decided(item, made, request.basis, await _sizes(runtime, made))


async def _sizes(runtime: Runtime, made: Opinion) -> tuple[ObjectRef, ObjectRef]:
    found = []
    for sha256 in (made.before, made.after):
        data = await runtime.objects.get(reference(sha256, 0, JSON))
        found.append(reference(sha256, len(data), JSON))
    return found[0], found[1]


def _decided(
    item: ReviewItem, made: Opinion, basis: str, values: tuple[ObjectRef, ObjectRef]
) -> ReviewCompleted | ReviewOpinion:
    common: dict[str, Any] = {
        "subject": item.subject, "target": item.target, "of": item.of, "basis": basis,
        "by": made.actor, "outcome": made.outcome, "requested_us": item.created,
        "decided_us": made.decided, "seconds": made.milliseconds / 1000,
        "before": values[0], "after": values[1],
    }  # fmt: skip
    if made.closes:
        return ReviewCompleted(**common, opinions=made.number)
    return ReviewOpinion(**common, number=made.number)


async def _answer(
    runtime: Runtime, item: ReviewItem, value: ReviewValue, who: Reviewer, seconds: float | None
) -> ReviewCompleted | ReviewOpinion:
    if value.is_empty:
        raise EmptyAnswer("say what is right: nothing was entered")
    request = await request_of(runtime, item)
    result, name, read = await current_reading(runtime, item)
    extracted = None
    if value.fields and item.document_id is not None:
        extracted = await extracted_fields(runtime, item.document_id)
    before = machine_value(result, name or item.document_class, value, extracted)
    agrees = False
    if item.state.opinions:
        known = await value_of(runtime, item.state.opinions[-1].after)
        agrees = known is not None and known.is_same(value)
    now = now_us()
    held = item.state.lease
    had = held if held is not None and held.actor == who.actor else None
    # Whoever left it lying until it was theirs no longer was away, and did not work.
    spent = 0 if had is None else min(now, had.expires) - had.began
    worked = spent if seconds is None else int(seconds * 1_000_000)
    objects: list[Artifact] = []
    effects: list[Effect] = []
    for said, role in ((before, BEFORE_ROLE), (value, AFTER_ROLE)):
        data = said.model_copy(update={"salt": new_salt()}).model_dump_json().encode()
        objects.append(Artifact(digest(data), JSON, len(data), role))
        if len(data) <= SMALL_BYTES:
            effects.append(ObjectPut(data))
        else:
            await runtime.objects.put_large(data)
    made = Opinion(
        number=len(item.state.opinions) + 1,
        event_id="",
        actor=who.actor,
        outcome="confirmed" if before.is_same(value) else "corrected",
        before=objects[0].sha256,
        after=objects[1].sha256,
        decided=now,
        milliseconds=worked // 1000,
        closes=item.state.next_opinion_completes(agrees=agrees),
    )
    identifier = arrival_id(SOURCE, item.item_id, f"{made.number}\n{uuid4()}")
    made = made._replace(event_id=identifier)
    refs = [reference(each.sha256, each.bytes, each.media_type) for each in objects]
    payload = _decided(item, made, request.basis, (refs[0], refs[1]))
    event = first_event(
        payload,
        id=identifier,
        source=SOURCE,
        traceparent=first_traceparent(item.subject, identifier),
        actor=who.actor,
    )._replace(causationid=item.event_id)
    entry = StepEntry(
        item.subject,
        now - worked,
        worked=worked,
        kind=KIND,
        inputs=(*read, objects[0]),
        outputs=(objects[1], Artifact(digest(event.data), event.datacontenttype,
                                      len(event.data), "event")),
        events_out=(identifier,),
        attributes={
            "act": "answer", "item": item.item_id, "number": made.number,
            "outcome": made.outcome, "target": item.target, "closes": int(made.closes),
        },
        trace=trace_id(event.traceparent),
    )  # fmt: skip
    record = record_of(entry, build=None, actor=who.actor, worker=this_worker())
    answer = ReviewAnswer(
        item.item_id, made.number, identifier, who.actor, made.outcome, made.before, made.after,
        made.decided, made.milliseconds, made.closes, item.subject, item.target,
    )  # fmt: skip
    await runtime.committer.publish(
        [(event.type, event)], [*effects, answer, *lineage_records([record])]
    )
    await runtime.flush_ledger()
    return payload
