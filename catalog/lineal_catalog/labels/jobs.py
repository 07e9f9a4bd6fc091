"""Acts on labelling jobs: create, take an item, give a label, close.

Each is an event with its record. The record of a label names what it is about and, in a verify or
adjust job, the label that was looked at: its lineage goes back to the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, Record, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import SMALL_BYTES, reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.renditions import find_renditions, reading_of
from lineal_catalog.labels.agreement import Consensus, dawid_skene, fleiss_kappa, majority
from lineal_catalog.labels.projection import (
    ITEMS_ROLE,
    JOB_ROLE,
    KIND,
    RESULT_ROLE,
    VALUE_ROLE,
)
from lineal_catalog.labels.queries import (
    PPM,
    Job,
    find_item,
    find_job,
    items_of,
    next_items,
    result_of,
    results_of,
    value_digests,
    votes_of,
)
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.labels import (
    ConsensusMethod,
    LabelGiven,
    LabelItem,
    LabelJobClosed,
    LabelJobCreated,
    LabelJobKind,
    LabelValue,
)
from lineal_schemas.models import DatasetItem, ModelExample
from lineal_schemas.payload import Payload
from lineal_schemas.salt import new_salt

LEASE_SECONDS = 15 * 60
_SOURCE = "lineal:labels"
_JSON = "application/json"
_PIECE_BYTES = 48 * 1024
_PUBLISHED_TOGETHER = 200


class WrongLabel(LinealError, ValueError):
    """A job or label that does not fit; says why."""


class NewLabel(NamedTuple):
    """A label to be written."""

    item: LabelItem
    value: LabelValue
    actor: str
    seconds: float = 0.0
    imported: bool = False


class LeasedItem(NamedTuple):
    """An item that somebody is to label."""

    item: LabelItem
    label: LabelValue | None
    """In a verify or adjust job: the label to look at."""


async def create_job(
    runtime: Runtime,
    by: Credential,
    *,
    name: str,
    kind: LabelJobKind = "label",
    items: Sequence[LabelItem] = (),
    classes: Sequence[str] = (),
    answers: int = 1,
    known: Mapping[str, str] | None = None,
    source: str | None = None,
    cost_per_hour: float = 0.0,
    model: str | None = None,
) -> LabelJobCreated:
    """Make a labelling job.

    Args:
        items: of a verify or adjust job none: they are those of the job before that have a label;
            to adjust what was verified, those that were found wrong.
        known: answers that are known, by item, to measure how right people are.
        source: the job whose labels are verified or adjusted; it must be closed.
        cost_per_hour: of a worker's time, in whatever is counted.
        model: which model learns from the labels, where they are not of whole documents.

    Raises:
        NotPermitted
        UnknownJob
        WrongLabel: it has no items, or the job before is not closed.
    """
    by.require("review")
    source_job = None
    if kind != "label":
        if source is None:
            raise WrongLabel(f"say which job's labels are to be looked at: --from JOB ({kind})")
        before = await runtime.store.read(partial(find_job, wanted=source))
        if not before.closed:
            raise WrongLabel(
                f"the job {before.name!r} is still open: `lineal labels close {before.job_id}`"
            )
        source_job = before.job_id
        classes = tuple(classes) or before.classes
        items = await runtime.store.read(partial(_items_to_look_at, job=before, kind=kind))
        model = model or before.model
    if not items:
        raise WrongLabel("there is nothing to label: the job would have no items")
    unknown = set(known or ()) - {each.item for each in items}
    if unknown:
        raise WrongLabel(f"{sorted(unknown)[0]!r} has a known answer and is no item of the job")
    job_id = uuid4().hex[:12]
    created = LabelJobCreated(
        job=job_id, name=name, kind=kind, source_job=source_job, classes=tuple(classes),
        answers=answers, items=len(items), known=len(known or ()), by=by.actor,
    )  # fmt: skip
    now = now_us()
    event = _event(created, by.actor, job_id)
    described = {
        "name": name, "source_job": source_job, "classes": list(classes), "model": model,
    }  # fmt: skip
    data = orjson.dumps(described)
    effects: list[Effect] = [ObjectPut(data)]
    head = StepEntry(
        created.correlation_key(), now, kind=KIND,
        outputs=(_artifact(data, JOB_ROLE), _artifact(event.data, "event")),
        events_out=(event.id,),
        attributes={"act": "job", "job": job_id, "what": kind, "answers": answers,
                    "cost": int(cost_per_hour * PPM)},
    )  # fmt: skip
    entries = [head]
    begin = 0
    for piece in _pieces([_with_known(item, known or {}) for item in items]):
        data = orjson.dumps(piece)
        effects.append(ObjectPut(data))
        entries.append(
            StepEntry(
                created.correlation_key(), now, kind=KIND,
                outputs=(_artifact(data, ITEMS_ROLE),),
                attributes={"act": "items", "job": job_id, "begin": begin},
            )
        )  # fmt: skip
        begin += len(piece)
    await _publish(runtime, [event], effects, entries, by.actor)
    return created


def _items_to_look_at(connection: Connection, job: Job, kind: LabelJobKind) -> list[LabelItem]:
    if kind == "adjust" and job.kind == "verify":
        return [item for item, value, *_ in results_of(connection, job.job_id) if value is None]
    if kind == "adjust":
        return items_of(connection, job.job_id)
    return [item for item, value, *_ in results_of(connection, job.job_id) if value is not None]


def _with_known(item: LabelItem, known: Mapping[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"item": item.model_dump(mode="json", exclude_defaults=True)}
    if item.item in known:
        entry["known"] = known[item.item]
    return entry


def _pieces(entries: Iterable[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    piece: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(orjson.dumps(entry))
        if piece and size + length > _PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += length
    if piece:
        yield piece


async def take_item(runtime: Runtime, wanted: str, by: Credential) -> LeasedItem | None:
    """The next item of a job for somebody, who has it for a quarter of an hour; None: nothing is
    left for them to do.

    Raises:
        NotPermitted, UnknownJob
    """
    by.require("review")
    job = await _open_job(runtime, wanted)
    now = now_us()

    def lease(connection: Connection) -> LabelItem | None:
        for item in next_items(connection, job, by.actor, now):
            connection.execute(
                "INSERT INTO label_leases VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (job_id, item_id, actor) DO UPDATE SET expires = excluded.expires",
                (job.job_id, item.item, by.actor, now, now + LEASE_SECONDS * 1_000_000),
            )
            return item
        return None

    item = await runtime.store.write(lease)
    if item is None:
        return None
    looked_at = await runtime.store.read(partial(label_to_look_at, job=job, item_id=item.item))
    return LeasedItem(item, None if looked_at is None else looked_at[1])


def label_to_look_at(
    connection: Connection, job: Job, item_id: str
) -> tuple[str, LabelValue] | None:
    """In a verify or adjust job, digest and value of the label that an item has from the jobs
    before."""
    source = job.source_job
    while source is not None:
        before = find_job(connection, source)
        if before.kind != "verify":
            return result_of(connection, source, item_id)
        source = before.source_job
    return None


async def _open_job(runtime: Runtime, wanted: str) -> Job:
    job = await runtime.store.read(partial(find_job, wanted=wanted))
    if job.closed:
        raise WrongLabel(f"the job {job.name!r} is closed")
    return job


async def give_label(
    runtime: Runtime,
    wanted: str,
    item_id: str,
    value: LabelValue,
    by: Credential,
    *,
    seconds: float | None = None,
) -> LabelGiven:
    """Label an item; another label of the same person takes its place.

    Args:
        seconds: how long it took; None: since the item was taken.

    Raises:
        NotPermitted, UnknownJob
        WrongLabel: the label is none of those that may be given, or the job is closed.
    """
    by.require("review")
    job = await _open_job(runtime, wanted)
    item = await runtime.store.read(partial(find_item, job=job, wanted=item_id))
    if seconds is None:
        began = await runtime.store.read(
            lambda c: c.execute(
                "SELECT began FROM label_leases WHERE job_id = ? AND item_id = ? AND actor = ?",
                (job.job_id, item_id, by.actor),
            ).fetchone()
        )
        seconds = 0.0 if began is None else (now_us() - began[0]) / 1_000_000
    [given] = await write_labels(runtime, job, [NewLabel(item, value, by.actor, seconds)], by)
    await runtime.store.write(
        lambda c: c.execute(
            "DELETE FROM label_leases WHERE job_id = ? AND item_id = ? AND actor = ?",
            (job.job_id, item_id, by.actor),
        )
    )
    return given


async def write_labels(
    runtime: Runtime, job: Job, labels: Sequence[NewLabel], by: Credential
) -> list[LabelGiven]:
    """Write labels of a job, each with its record.

    Raises:
        WrongLabel: one is none of those that may be given.
    """
    for label in labels:
        _check(job, label.value)
    made: list[LabelGiven] = []
    for begin in range(0, len(labels), _PUBLISHED_TOGETHER):
        some = labels[begin : begin + _PUBLISHED_TOGETHER]
        made += await _write(runtime, job, some, by)
    await runtime.flush_ledger()
    return made


async def _write(
    runtime: Runtime, job: Job, labels: Sequence[NewLabel], by: Credential
) -> list[LabelGiven]:
    events: list[RawEvent] = []
    effects: list[Effect] = []
    entries: list[StepEntry] = []
    made: list[LabelGiven] = []
    for label in labels:
        value = label.value
        if value.text is not None:
            value = value.model_copy(update={"salt": new_salt()})
        data = value.model_dump_json(exclude_defaults=True).encode()
        if len(data) > SMALL_BYTES:
            raise WrongLabel("a label has at most 64 KB")
        effects.append(ObjectPut(data))
        inputs = await runtime.store.read(partial(_looked_at, job=job, item=label.item))
        now = now_us()
        given = LabelGiven(
            job=job.job_id, item=label.item.item, subject=label.item.subject, by=label.actor,
            value=reference(digest(data), len(data), _JSON), seconds=label.seconds, given_us=now,
        )  # fmt: skip
        event = _event(given, by.actor, f"{job.job_id}\n{label.item.item}\n{label.actor}")
        worked = int(label.seconds * 1_000_000)
        attributes: dict[str, int | str] = {
            "act": "give", "job": job.job_id, "item": label.item.item,
        }  # fmt: skip
        if label.imported:
            attributes |= {"imported": 1, "by": label.actor}
        entries.append(
            StepEntry(
                label.item.subject, now - worked, worked=worked, kind=KIND, inputs=tuple(inputs),
                outputs=(_artifact(data, VALUE_ROLE), _artifact(event.data, "event")),
                events_out=(event.id,), attributes=attributes,
            )
        )  # fmt: skip
        events.append(event)
        made.append(given)
    await _publish(runtime, events, effects, entries, by.actor)
    return made


def _check(job: Job, value: LabelValue) -> None:
    if job.kind == "verify":
        if value.correct is None:
            raise WrongLabel("say whether the label is right: correct or wrong")
        return
    names = [value.label] if value.label is not None else []
    names += [box.label for box in value.boxes]
    if not names and value.text is None and not value.boxes:
        raise WrongLabel("the label says nothing")
    for name in names:
        if job.classes and name not in job.classes:
            raise WrongLabel(f"{name!r} is none of {', '.join(job.classes)}")


def _looked_at(connection: Connection, job: Job, item: LabelItem) -> list[Artifact]:
    """What a label is about: the bytes, and the label that it verifies or adjusts."""
    found = []
    if item.subject.startswith(DOCUMENT):
        row = connection.execute(
            "SELECT sha256, media_type, bytes FROM registry WHERE document_id = ?",
            (item.subject.removeprefix(DOCUMENT),),
        ).fetchone()
        if row is not None and row[0] is not None:
            found.append(Artifact(row[0], row[1], row[2], "content"))
    before = label_to_look_at(connection, job, item.item)
    if before is not None:
        data = before[1].model_dump_json(exclude_defaults=True).encode()
        found.append(Artifact(before[0], _JSON, len(data), VALUE_ROLE))
    return found


async def close_job(
    runtime: Runtime, wanted: str, by: Credential, *, method: ConsensusMethod = "majority"
) -> LabelJobClosed:
    """Find what holds of each item, and say it to whoever learns from it.

    Of a verify job a label that was found right holds, and one that was found wrong does not; items
    of an adjust job have the adjusted label. Whole documents become examples of the classifier
    (`document.labelled`), other items those of the job's model (`model.example`).

    Raises:
        NotPermitted, UnknownJob
        WrongLabel: it is closed, or nobody has labelled anything.
    """
    by.require("review")
    await runtime.flush_ledger()
    job = await _open_job(runtime, wanted)
    votes = await runtime.store.read(partial(votes_of, job_id=job.job_id))
    if not votes:
        raise WrongLabel("nobody has labelled anything of this job")
    found = dawid_skene(votes) if method == "dawid_skene" else majority(votes)
    entries = await runtime.store.read(partial(_held, job=job, found=found))
    whole = orjson.dumps(entries)
    await runtime.objects.put_large(whole)
    closed = LabelJobClosed(
        job=job.job_id, method=method, items=len(entries),
        resolved=sum(entry["value"] is not None for entry in entries),
        agreement=fleiss_kappa(votes),
        labels=reference(digest(whole), len(whole), _JSON), by=by.actor,
    )  # fmt: skip
    event = _event(closed, by.actor, job.job_id)
    now = now_us()
    subject = closed.correlation_key()
    steps = [
        StepEntry(
            subject, now, kind=KIND,
            outputs=(_artifact(whole, "label_list"), _artifact(event.data, "event")),
            events_out=(event.id,),
            attributes={"act": "close", "job": job.job_id, "method": method},
        )
    ]  # fmt: skip
    steps += [
        StepEntry(
            entry["subject"], now, kind=KIND,
            inputs=() if entry["value"] is None
            else (Artifact(entry["value"], _JSON, 0, RESULT_ROLE),),
            attributes={
                "act": "result", "job": job.job_id, "item": entry["item"],
                "confidence": entry["confidence"], "votes": entry["votes"],
            },
        )
        for entry in entries
    ]  # fmt: skip
    await _publish(runtime, [event], [], steps, by.actor)
    await runtime.flush_ledger()
    await _teach(runtime, job, by)
    return closed


def _held(connection: Connection, job: Job, found: Mapping[str, Consensus]) -> list[dict[str, Any]]:
    """What holds of each item, as it is kept."""
    digests = value_digests(connection, job.job_id)
    counts: dict[str, int] = {}
    for given in votes_of(connection, job.job_id):
        counts[given.item] = counts.get(given.item, 0) + 1
    entries = []
    for item in items_of(connection, job.job_id):
        consensus = found.get(item.item, Consensus(None, 0.0))
        vote = consensus.label
        value = digests.get((item.item, vote or ""))
        if job.kind == "verify":
            before = label_to_look_at(connection, job, item.item)
            right = consensus.label == "correct" and before is not None
            value = before[0] if right and before else None
        entries.append(
            {"item": item.item, "subject": item.subject, "value": value,
             "confidence": round(consensus.confidence * PPM), "votes": counts.get(item.item, 0)}
        )  # fmt: skip
    return entries


async def _teach(runtime: Runtime, job: Job, by: Credential) -> None:
    """Say what holds to whoever learns from it."""
    events = []
    results = await runtime.store.read(partial(results_of, job_id=job.job_id))
    now = now_us()
    for item, value, _, _, _ in results:
        if value is None or value.label is None or not item.subject.startswith(DOCUMENT):
            continue
        document_id = item.subject.removeprefix(DOCUMENT)
        forms = await runtime.store.read(partial(find_renditions, document_id=document_id))
        payload: Payload
        if item.item == document_id and job.model is None:
            if (text := forms.get("text")) is None:
                continue
            payload = DocumentLabelled(
                document_id=document_id, label=value.label,
                text=reference(text.sha256, text.bytes, text.media_type),
                result=reading_of(forms), by=by.actor, labelled_us=now,
            )  # fmt: skip
        elif job.model is not None and (content := forms.get("original")) is not None:
            payload = ModelExample(
                name=job.model,
                item=DatasetItem(
                    digest=content.sha256, source=item.item, time_us=now, label=value.label,
                    ref=reference(content.sha256, content.bytes, content.media_type),
                ),
            )  # fmt: skip
        else:
            continue
        event = _event(payload, by.actor, f"{job.job_id}\n{item.item}")
        events.append(event._replace(correlationid=item.subject, subject=item.subject))
    for begin in range(0, len(events), _PUBLISHED_TOGETHER):
        some = events[begin : begin + _PUBLISHED_TOGETHER]
        await publish_acts(runtime, some)


def _event(payload: Payload, actor: str, name: str) -> RawEvent:
    identifier = arrival_id(_SOURCE, name, f"{payload.type}\n{uuid4()}")
    about = payload.correlation_key() or identifier
    return first_event(
        payload, id=identifier, source=_SOURCE, actor=actor,
        traceparent=first_traceparent(about, identifier),
    )  # fmt: skip


def _artifact(data: bytes, role: str) -> Artifact:
    return Artifact(digest(data), _JSON, len(data), role)


async def _publish(
    runtime: Runtime,
    events: Sequence[RawEvent],
    effects: Sequence[Effect],
    entries: Sequence[StepEntry],
    actor: str,
) -> None:
    records: list[Record] = [
        record_of(entry, build=None, actor=actor, worker=this_worker()) for entry in entries
    ]
    await runtime.committer.publish(
        [(event.type, event) for event in events], [*effects, *lineage_records(records)]
    )
    await runtime.flush_ledger()
