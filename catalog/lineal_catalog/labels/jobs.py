"""Creating a labelling job: an event with its record, and the items in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import orjson

from lineal.access.credential import Credential
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.lineage.record import StepEntry
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.labels.acts import WrongLabel, act_event, json_artifact, publish_with_records
from lineal_catalog.labels.projection import ITEMS_ROLE, JOB_ROLE, KIND
from lineal_catalog.labels.queries import PPM, Job, find_job, items_of, results_of
from lineal_schemas.envelope import now_us
from lineal_schemas.labels import LabelItem, LabelJobCreated, LabelJobKind

_PIECE_BYTES = 48 * 1024


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
    event = act_event(created, by.actor, job_id)
    described = {
        "name": name, "source_job": source_job, "classes": list(classes), "model": model,
    }  # fmt: skip
    data = orjson.dumps(described)
    effects: list[Effect] = [ObjectPut(data)]
    head = StepEntry(
        created.correlation_key(), now, kind=KIND,
        outputs=(json_artifact(data, JOB_ROLE), json_artifact(event.data, "event")),
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
                outputs=(json_artifact(data, ITEMS_ROLE),),
                attributes={"act": "items", "job": job_id, "begin": begin},
            )
        )  # fmt: skip
        begin += len(piece)
    await publish_with_records(runtime, [event], effects, entries, by.actor)
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
