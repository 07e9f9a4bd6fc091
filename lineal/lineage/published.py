"""The record of an event that no step made: a person's act, a timer's."""

from __future__ import annotations

from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, Kind, Record, StepEntry, digest, record_of
from lineal.observability.tracing import trace_id
from lineal_schemas.envelope import RawEvent


def record_of_event(
    event: RawEvent, kind: Kind, actor: str, *, started: int | None = None
) -> Record:
    """That an event was published, by whom.

    Args:
        started: microseconds since the Unix epoch; None: the event's time.
    """
    made = Artifact(digest(event.data), event.datacontenttype, len(event.data), "event")
    entry = StepEntry(
        event.correlationid,
        event.time if started is None else started,
        kind=kind,
        events_out=(event.id,),
        outputs=(made,),
        trace=trace_id(event.traceparent),
    )
    return record_of(entry, build=None, actor=actor, worker=this_worker())
