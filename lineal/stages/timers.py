"""Timers: events a stage sends itself later, whether or not anything else happens until then.

Failed events that are tried again after a delay are timers too, published on the redrive topic, and
so is what closes a fan-in group by time.

A timer is a row, written with the step that sets it and so as durable as its outputs. When it is
due, one of the daemons that run the stage publishes its event on the topic of its type, always with
the same id. Where the bus shares a transaction with the store this is one transaction; elsewhere
the daemon claims the timer first, and only if it dies before the row is deleted is the event
published again. An event of a timer that was set anew or cancelled at the last moment may still
come: a stage looks at its state to see whether a timer still means something.

That a timer's event was published is a record of its own: only stages make events of its type, and
no step has it among its outputs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

import structlog

from lineal.bus.protocol import Addressed, Bus
from lineal.bus.topic_names import redrive_topic
from lineal.committing import committer_of
from lineal.effects.effect import Effect, apply
from lineal.effects.fan_in import closing_stage, fan_in_owner
from lineal.effects.records import lineage_records
from lineal.effects.retries import retry_owner, stage_of_owner
from lineal.effects.timers import TimerConflict, TimerDone
from lineal.lineage.published import record_of_event
from lineal.lineage.record import TIMER
from lineal.stages.schedules import OF_NO_STAGE, SCHEDULED, event_at, following
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import RawEvent, now_us
from lineal_schemas.payload import Payload

log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
_BATCH_SIZE = 500


class ScheduledEvent(NamedTuple):
    """What a timer was set to."""

    due_us: int
    payload: Payload


class StepTimers:
    """The timers a step sets; see :class:`lineal.stages.context.Timers`."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes: dict[str, ScheduledEvent | None] = {}

    def set(self, name: str, due_us: int, payload: Payload) -> None:
        self.changes[name] = ScheduledEvent(due_us, payload)

    def cancel(self, name: str) -> None:
        self.changes[name] = None


class _Due(NamedTuple):
    stage: str
    name: str
    due: int
    event: bytes


def _records(timers: Sequence[_Due], events: Sequence[RawEvent]) -> Sequence[Effect]:
    """That the events of stages' timers were published. What programs and people publish later has
    its actor in the event, as all that comes from outside; and that a failed event comes back says
    the record of the attempt."""
    return lineage_records(
        record_of_event(event, TIMER, f"stage:{closing_stage(timer.stage) or timer.stage}")
        for timer, event in zip(timers, events, strict=True)
        if timer.stage not in OF_NO_STAGE and stage_of_owner(timer.stage) is None
    )


def _addressed(timers: Sequence[_Due], events: Sequence[RawEvent]) -> Sequence[Addressed]:
    """The events with their topics: those of their types, and the redrive topic of a stage for what
    it is to try again, and for what closes a group of it."""
    addressed = []
    for timer, event in zip(timers, events, strict=True):
        stage = stage_of_owner(timer.stage) or closing_stage(timer.stage)
        addressed.append((event.type if stage is None else redrive_topic(stage), event))
    return addressed


class TimerClock:
    """Publishes the events of due timers of some stages.

    Any number of workers may have one: they share the timers.

    Args:
        now: microseconds since the Unix epoch.
        claim_seconds: how long a worker that claimed timers and died keeps others from them.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        stages: Sequence[str],
        now: Callable[[], int] = now_us,
        *,
        claim_seconds: float = 60.0,
    ) -> None:
        self._store = store
        self._bus = bus
        self._committer = committer_of(bus, store)
        owners = (owner(stage) for owner in (retry_owner, fan_in_owner) for stage in stages)
        self._stages = sorted([*stages, *owners])
        self._now = now
        self._claim_seconds = claim_seconds
        self._name = uuid4().hex

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                more = await self.look()
            except Exception as error:
                # A full disk, a broker that is away: the next look tries again.
                log.warning("timers.publish_failed", error=repr(error))
                more = False
            if not more:
                await asyncio.sleep(_POLL_SECONDS)

    async def look(self) -> bool:
        """Publish what is due; whether there may be more at once.

        Raises:
            BusUnavailable, StoreUnavailable, TimeoutError: another look will try again.
        """
        if not self._stages:
            return False
        if self._bus.capabilities.transactional_effects:
            return await self._publish_in_one_transaction()
        return await self._publish_claimed()

    async def _publish_in_one_transaction(self) -> bool:
        due = await self._store.read(self._due)
        if not due:
            return False
        events = [event_at(*timer) for timer in due]
        outputs = _addressed(due, events)
        again = [timer for item in due if (timer := following(*item)) is not None]
        try:
            await self._bus.publish(
                outputs,
                [*(TimerDone(*timer) for timer in due), *again, *_records(due, events)],
            )
        except TimerConflict:
            return True  # another worker was faster: see what is left
        return len(due) == _BATCH_SIZE or bool(again)

    async def _publish_claimed(self) -> bool:
        claimed = await self._store.write(self._claim)
        if not claimed:
            return False
        events = [event_at(*timer) for timer in claimed]
        # When the claim has run out another worker publishes them.
        async with asyncio.timeout(self._claim_seconds / 2):
            await self._committer.publish(_addressed(claimed, events), _records(claimed, events))

        def remove(connection: Connection) -> None:
            for timer in claimed:
                # Unless it was set anew, or cancelled, meanwhile.
                removed = connection.execute(
                    "DELETE FROM timers WHERE stage = ? AND name = ? AND due = ? AND event = ?",
                    timer,
                ).rowcount
                if removed and (again := following(*timer)) is not None:
                    apply(connection, [again])

        await self._store.write(remove)
        return len(claimed) == _BATCH_SIZE or any(timer.stage == SCHEDULED for timer in claimed)

    @property
    def _of_stages(self) -> str:
        # Found by when they are due: the primary key begins with the stage, and would have all its
        # timers read to find none that is due.
        return f"due <= ? AND (stage || '') IN ({', '.join('?' * len(self._stages))})"

    async def next_due(self) -> int | None:
        """When the next timer of the stages is due, in microseconds since the Unix epoch; None if
        none is set."""
        marks = ", ".join("?" * len(self._stages))
        sql = f"SELECT min(due) FROM timers WHERE stage IN ({marks})"
        due: int | None = await self._store.read(
            lambda connection: connection.execute(sql, self._stages).fetchone()[0]
        )
        return due

    def _due(self, connection: Connection) -> list[_Due]:
        rows = connection.execute(
            f"SELECT stage, name, due, event FROM timers WHERE {self._of_stages} "
            "ORDER BY due LIMIT ?",
            (self._now(), *self._stages, _BATCH_SIZE),
        )
        return [_Due(*row) for row in rows]

    def _claim(self, connection: Connection) -> list[_Due]:
        now = self._now()
        until = now + int(self._claim_seconds * 1e6)
        free = "(claimed_by IS NULL OR claimed_by = ? OR claimed_until < ?)"
        # Also outside of the subquery: on Postgres a row that another worker has claimed meanwhile
        # is looked at again there, and only there.
        rows = connection.execute(
            f"UPDATE timers SET claimed_by = ?, claimed_until = ? WHERE {free} "
            f"AND (stage, name) IN (SELECT stage, name FROM timers WHERE {self._of_stages} "
            f"AND {free} ORDER BY due LIMIT ?) RETURNING stage, name, due, event",
            (
                *(self._name, until, self._name, now),
                *(now, *self._stages, self._name, now, _BATCH_SIZE),
            ),
        ).fetchall()
        return sorted((_Due(*row) for row in rows), key=lambda timer: timer.due)
