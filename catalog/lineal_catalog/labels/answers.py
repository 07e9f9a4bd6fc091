"""Taking an item of a labelling job, and labelling it.

The record of a label names what it is about and, in a verify or adjust job, the label that was
looked at: its lineage goes back to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lineal.access.credential import Credential
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.lineage.record import Artifact, StepEntry, digest
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import SMALL_BYTES, reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.labels.acts import (
    JSON,
    MAX_PUBLISHED,
    WrongLabel,
    act_event,
    json_artifact,
    label_to_look_at,
    open_job,
    publish_with_records,
)
from lineal_catalog.labels.projection import KIND, VALUE_ROLE
from lineal_catalog.labels.queries import Job, find_item, next_items
from lineal_schemas.envelope import RawEvent, now_us
from lineal_schemas.labels import LabelGiven, LabelItem, LabelValue
from lineal_schemas.salt import new_salt

LEASE_SECONDS = 15 * 60


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


async def take_item(runtime: Runtime, wanted: str, by: Credential) -> LeasedItem | None:
    """The next item of a job for somebody, who has it for a quarter of an hour; None: nothing is
    left for them to do.

    Raises:
        NotPermitted, UnknownJob
    """
    by.require("review")
    job = await open_job(runtime, wanted)
    now = now_us()

    def lease(connection: Connection) -> LabelItem | None:
        for item in next_items(connection, job, by.actor, now):
            connection.execute(
                "INSERT INTO label_leases VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (job_id, item_id, actor) DO UPDATE SET expires = excluded.expires, "
                "began = CASE WHEN label_leases.expires > excluded.began "
                "THEN label_leases.began ELSE excluded.began END",
                (job.job_id, item.item, by.actor, now, now + LEASE_SECONDS * 1_000_000),
            )
            return item
        return None

    item = await runtime.store.write(lease)
    if item is None:
        return None
    looked_at = await runtime.store.read(partial(label_to_look_at, job=job, item_id=item.item))
    return LeasedItem(item, None if looked_at is None else looked_at[1])


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
        seconds: how long it took; None: since the item was taken, as long as they had it.

    Raises:
        NotPermitted, UnknownJob
        WrongLabel: the label is none of those that may be given, or the job is closed.
    """
    by.require("review")
    job = await open_job(runtime, wanted)
    item = await runtime.store.read(partial(find_item, job=job, wanted=item_id))
    if seconds is None:
        had = await runtime.store.read(
            lambda c: c.execute(
                "SELECT began, expires FROM label_leases "
                "WHERE job_id = ? AND item_id = ? AND actor = ?",
                (job.job_id, item_id, by.actor),
            ).fetchone()
        )
        seconds = 0.0 if had is None else (min(now_us(), had[1]) - had[0]) / 1_000_000
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
    for begin in range(0, len(labels), MAX_PUBLISHED):
        some = labels[begin : begin + MAX_PUBLISHED]
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
            value=reference(digest(data), len(data), JSON), seconds=label.seconds, given_us=now,
        )  # fmt: skip
        event = act_event(given, by.actor, f"{job.job_id}\n{label.item.item}\n{label.actor}")
        worked = int(label.seconds * 1_000_000)
        attributes: dict[str, int | str] = {
            "act": "give", "job": job.job_id, "item": label.item.item,
        }  # fmt: skip
        if label.imported:
            attributes |= {"imported": 1, "by": label.actor}
        entries.append(
            StepEntry(
                label.item.subject, now - worked, worked=worked, kind=KIND, inputs=tuple(inputs),
                outputs=(json_artifact(data, VALUE_ROLE), json_artifact(event.data, "event")),
                events_out=(event.id,), attributes=attributes,
            )
        )  # fmt: skip
        events.append(event)
        made.append(given)
    await publish_with_records(runtime, events, effects, entries, by.actor)
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
        found.append(Artifact(before[0], JSON, len(data), VALUE_ROLE))
    return found
