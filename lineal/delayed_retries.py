"""Failed events that wait for their next attempt: listed, tried now, and given up by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lineal.access.credential import Credential
from lineal.access.senders import read_acting_credential
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.effects.retries import RetryEnded, retry_owner, stage_of_owner
from lineal.effects.timers import TimerConflict, TimerDone, TimerSet
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Kind, Outcome, StepEntry, record_of
from lineal.observability.tracing import trace_id
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json, now_us

RETRY: Kind = "retry"
"""Somebody had a waiting event tried at once."""
ABANDON: Kind = "abandon"
"""Somebody gave up a waiting event."""


class DelayedEvent(NamedTuple):
    """An event that failed and waits for its next attempt."""

    stage: str
    timer: str
    """The name of its timer, of the stage's retries."""
    event: RawEvent
    """As it was delivered."""
    exact: bytes
    """The same, as the timer keeps it."""
    attempts: int
    """How often it was tried."""
    due: int
    """When it is tried again, microseconds since the Unix epoch."""
    position: str
    """Where it was delivered at the last attempt."""


class DelayedFilter(NamedTuple):
    """Which waiting events are meant; None means any."""

    stage: str | None = None
    key: str | None = None
    """A partition key or a correlation id."""
    ids: frozenset[str] | None = None
    """Ids or unambiguous beginnings of ids."""

    def matches(self, waiting: DelayedEvent) -> bool:
        event = waiting.event
        return (
            (self.stage is None or self.stage == waiting.stage)
            and (self.key is None or self.key in (event.partitionkey, event.correlationid))
            and (self.ids is None or any(event.id.startswith(wanted) for wanted in self.ids))
        )


async def delayed_events(runtime: Runtime, chosen: DelayedFilter) -> list[DelayedEvent]:
    """The events that wait for their next attempt, the next first."""
    found = await runtime.store.read(_waiting)
    return [waiting for waiting in found if chosen.matches(waiting)]


def _waiting(connection: Connection) -> list[DelayedEvent]:
    rows = connection.execute(
        "SELECT t.stage, t.name, t.due, t.event, r.stage, r.attempts, r.position "
        "FROM delayed_retries AS r JOIN timers AS t "
        "ON t.stage = ? || r.stage AND t.name = r.source || ? || r.event_id "
        "WHERE r.ending IS NULL ORDER BY t.due, t.stage, t.name",
        (retry_owner(""), "\n"),
    ).fetchall()
    return [
        DelayedEvent(stage, name, from_json(event), bytes(event), attempts, due, position)
        for owner, name, due, event, stage, attempts, position in rows
        if stage_of_owner(owner) is not None
    ]


async def retry_now(
    runtime: Runtime, waiting: Sequence[DelayedEvent], *, by: Credential | None = None
) -> list[DelayedEvent]:
    """Have events tried again at once: a daemon that runs their stage takes them up.

    Args:
        by: who decides; None: the account that runs this process, in the role the store knows.

    Returns:
        Those that waited still; the others were being tried again already.

    Raises:
        NotPermitted: they may not.
    """

    def changes(item: DelayedEvent) -> list[Effect]:
        # It keeps its attempts and its place among the delays.
        return [TimerSet(retry_owner(item.stage), item.timer, now_us(), item.exact)]

    return await _decide(runtime, waiting, changes, RETRY, "done", by)


async def drop_delayed(
    runtime: Runtime, waiting: Sequence[DelayedEvent], *, by: Credential | None = None
) -> list[DelayedEvent]:
    """Give up events: they are not tried again, and leave no dead letter.

    As :func:`retry_now`.
    """

    def changes(item: DelayedEvent) -> list[Effect]:
        event = item.event
        return [RetryEnded(item.stage, event.source, event.id, item.position, "dropped", now_us())]

    return await _decide(runtime, waiting, changes, ABANDON, "failed", by)


async def _decide(
    runtime: Runtime,
    waiting: Sequence[DelayedEvent],
    changes: Callable[[DelayedEvent], list[Effect]],
    kind: Kind,
    outcome: Outcome,
    by: Credential | None,
) -> list[DelayedEvent]:
    by = by or await read_acting_credential(runtime.store)
    by.require("redrive")
    decided = []
    for item in waiting:
        # One by one: what comes due meanwhile is no reason to leave out the others.
        event = item.event
        entry = StepEntry(
            event.correlationid,
            now_us(),
            kind=kind,
            outcome=outcome,
            events_in=(event.id,),
            events_out=(event.id,) if kind == RETRY else (),
            reason=None if outcome == "done" else f"{by.actor} gave up the event while it waited",
            trace=trace_id(event.traceparent),
        )
        record = record_of(entry, build=None, actor=by.actor, worker=this_worker())
        # Conflicts unless it waits as it was read.
        taken = TimerDone(retry_owner(item.stage), item.timer, item.due, item.exact)
        try:
            await runtime.committer.publish((), [taken, *changes(item), *lineage_records([record])])
        except TimerConflict:
            continue
        decided.append(item)
    return decided
