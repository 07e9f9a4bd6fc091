"""What people do with items: take, give back, skip, save a draft, answer.

An answer is an event, its record and its number in one publication. Whoever is second is told what
the first did, and what they entered stays as a draft.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.errors import LinealError, ObjectMissing, StateConflict
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import SMALL_BYTES, reference
from lineal_catalog.documents.renditions import ANALYSIS, FIELDS, find_renditions
from lineal_catalog.reviews.correcting import machine_value, page_text
from lineal_catalog.reviews.item_state import DecidedBefore, InReview, Opinion
from lineal_catalog.reviews.leases import draft_of, end_lease, keep_draft, lease
from lineal_catalog.reviews.opinions import ReviewAnswer
from lineal_catalog.reviews.projection import AFTER_ROLE, BEFORE_ROLE
from lineal_catalog.reviews.queries import (
    EVERYTHING,
    Filter,
    Order,
    ReviewItem,
    UnknownReview,
    find_review,
    next_reviews,
    places_of,
)
from lineal_catalog.reviews.redaction import redaction_boxes
from lineal_catalog.reviews.thresholds import KIND
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.fields import FieldValues
from lineal_schemas.ids import arrival_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.results import Analysis, TextResult
from lineal_schemas.reviews import (
    FieldValue,
    PageText,
    ReviewCompleted,
    ReviewOpinion,
    ReviewRequested,
    ReviewValue,
)
from lineal_schemas.salt import new_salt

SOURCE = "lineal:review"
_JSON = "application/json"


class EmptyAnswer(LinealError, ValueError):
    """An answer says nothing."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who works on the queue, and what they may see."""

    by: Credential
    names: Collection[str] | None = None
    """By which access lists know them; None: they see every document."""

    @property
    def actor(self) -> str:
        return self.by.actor

    @classmethod
    def of(cls, credential: Credential) -> Reviewer:
        """For somebody with a credential."""
        if credential.may("manage"):
            return cls(credential)
        return cls(credential, credential.reader_names)


async def find(runtime: Runtime, wanted: str, who: Reviewer) -> ReviewItem:
    """An item.

    Raises:
        UnknownReview
    """
    return await runtime.store.read(partial(find_review, wanted=wanted, names=who.names))


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

    It is kept whoever has the item: the answer says whether somebody else does.

    Raises:
        NotPermitted, UnknownReview
    """
    who.by.require("review")
    item = await find(runtime, wanted, who)
    now = now_us()

    def save(connection: Connection) -> bool:
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
        opinion["value"] = None if value is None else _plain(value)
    told["places"] = [
        place.model_dump(mode="json")
        for place in await runtime.store.read(partial(places_of, item=item))
    ]
    told["draft"] = await runtime.store.read(
        partial(draft_of, item_id=item.item_id, actor=who.actor)
    )
    return told


def _plain(value: ReviewValue) -> dict[str, Any]:
    return value.model_dump(mode="json", exclude={"salt"}, exclude_defaults=True)


async def value_of(runtime: Runtime, sha256: str) -> ReviewValue | None:
    """A value that was said; None where it was erased."""
    try:
        data = await runtime.objects.get(reference(sha256, 0, _JSON))
    except ObjectMissing:
        return None
    return ReviewValue.model_validate_json(data)


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
        seconds: how long it took; None: since the item was taken.

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
    request = await _request(runtime, item)
    return _decided(item, made, request.basis, await _sizes(runtime, made))


async def _sizes(runtime: Runtime, made: Opinion) -> tuple[ObjectRef, ObjectRef]:
    found = []
    for sha256 in (made.before, made.after):
        data = await runtime.objects.get(reference(sha256, 0, _JSON))
        found.append(reference(sha256, len(data), _JSON))
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


async def _request(runtime: Runtime, item: ReviewItem) -> ReviewRequested:
    try:
        data = await runtime.objects.get(reference(item.request, 0, _JSON))
    except ObjectMissing as error:
        raise UnknownReview(f"what {item.item_id} is about was erased") from error
    return ReviewRequested.model_validate_json(data)


async def current_reading(
    runtime: Runtime, item: ReviewItem
) -> tuple[TextResult | None, str | None, list[Artifact]]:
    """The document as it was read, its class, and the objects that say so."""
    if (document_id := item.document_id) is None:
        return None, None, []
    found = await runtime.store.read(partial(find_renditions, document_id=document_id))
    result: TextResult | None = None
    name: str | None = None
    inputs = []
    if (stored := found.get("json")) is not None:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
        result = await asyncio.to_thread(TextResult.from_gzip, data)
        inputs.append(stored)
    if (stored := found.get(ANALYSIS)) is not None:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
        analysis = await asyncio.to_thread(Analysis.from_gzip, data)
        name = analysis.document_class.name
        inputs.append(stored)
    return result, name, inputs


async def extracted_fields(runtime: Runtime, document_id: str) -> FieldValues | None:
    """The declared fields of a document as they were extracted last; None where they were not, or
    not any more."""
    stored = (await runtime.store.read(partial(find_renditions, document_id=document_id))).get(
        FIELDS
    )
    if stored is None:
        return None
    try:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
    except ObjectMissing:
        return None
    return FieldValues.model_validate_json(data)


async def _answer(
    runtime: Runtime, item: ReviewItem, value: ReviewValue, who: Reviewer, seconds: float | None
) -> ReviewCompleted | ReviewOpinion:
    if value.is_empty:
        raise EmptyAnswer("say what is right: nothing was entered")
    request = await _request(runtime, item)
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
    began = held.began if held is not None and held.actor == who.actor else now
    worked = now - began if seconds is None else int(seconds * 1_000_000)
    objects: list[Artifact] = []
    effects: list[Effect] = []
    for said, role in ((before, BEFORE_ROLE), (value, AFTER_ROLE)):
        data = said.model_copy(update={"salt": new_salt()}).model_dump_json().encode()
        objects.append(Artifact(digest(data), _JSON, len(data), role))
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
