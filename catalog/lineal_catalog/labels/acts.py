"""What all acts on labelling jobs share: their event, their record, and the job that is open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import uuid4

from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, Record, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.labels.queries import Job, find_job, result_of
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.ids import arrival_id
from lineal_schemas.labels import LabelValue
from lineal_schemas.payload import Payload

_SOURCE = "lineal:labels"
JSON = "application/json"
MAX_PUBLISHED = 200
"""Events that are published together."""


class WrongLabel(LinealError, ValueError):
    """A job or label that does not fit; says why."""


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


async def open_job(runtime: Runtime, wanted: str) -> Job:
    """A job that can still be labelled.

    Raises:
        UnknownJob
        WrongLabel: it is closed.
    """
    job = await runtime.store.read(partial(find_job, wanted=wanted))
    if job.closed:
        raise WrongLabel(f"the job {job.name!r} is closed")
    return job


def act_event(payload: Payload, actor: str, name: str) -> RawEvent:
    """The event of an act; each has an id of its own.

    Args:
        name: what the act is about.
    """
    identifier = arrival_id(_SOURCE, name, f"{payload.type}\n{uuid4()}")
    about = payload.correlation_key() or identifier
    return first_event(
        payload, id=identifier, source=_SOURCE, actor=actor,
        traceparent=first_traceparent(about, identifier),
    )  # fmt: skip


def json_artifact(data: bytes, role: str) -> Artifact:
    """JSON as a record names it."""
    return Artifact(digest(data), JSON, len(data), role)


async def publish_with_records(
    runtime: Runtime,
    events: Sequence[RawEvent],
    effects: Sequence[Effect],
    entries: Sequence[StepEntry],
    actor: str,
) -> None:
    """Publish events of an act with its effects and records, and wait until the ledger has them."""
    records: list[Record] = [
        record_of(entry, build=None, actor=actor, worker=this_worker()) for entry in entries
    ]
    await runtime.committer.publish(
        [(event.type, event) for event in events], [*effects, *lineage_records(records)]
    )
    await runtime.flush_ledger()
