"""Timers: events a stage sends itself later, whether or not anything else happens until then.

A timer is a row, written with the step that sets it and so as durable as its outputs. When it is
due, a daemon that runs the stage publishes its event on the topic of its type. That happens at
least once, always with the same id; an event of a timer that was set anew or cancelled at the last
moment may still come. So a stage looks at its state to see whether a timer still means something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from lineal.bus.protocol import Bus
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import from_json, now_us
from lineal_schemas.payload import Payload

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_MOST_AT_ONCE = 500


class Alarm(NamedTuple):
    """What a timer was set to."""

    due_us: int
    payload: Payload


class StepTimers:
    """The timers a step sets; see :class:`lineal.stages.context.Timers`."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes: dict[str, Alarm | None] = {}

    def set(self, name: str, due_us: int, payload: Payload) -> None:
        self.changes[name] = Alarm(due_us, payload)

    def cancel(self, name: str) -> None:
        self.changes[name] = None


class _Due(NamedTuple):
    stage: str
    name: str
    due: int
    event: bytes


class TimerClock:
    """Publishes the events of due timers of some stages.

    Args:
        now: microseconds since the Unix epoch.
    """

    def __init__(
        self, store: Store, bus: Bus, stages: Sequence[str], now: Callable[[], int] = now_us
    ) -> None:
        self._store = store
        self._bus = bus
        self._stages = sorted(stages)
        self._now = now

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                more = await self.look()
            except Exception as error:
                # A full disk, a broker that is away: the next look tries again.
                log.warning("timers.cannot_publish", error=repr(error))
                more = False
            if not more:
                await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> bool:
        """Publish what is due; whether there may be more at once."""
        due = await self._store.read(self._due)
        if not due:
            return False
        events = [from_json(timer.event) for timer in due]
        await self._bus.publish([(event.type, event) for event in events])

        def remove(connection: Connection) -> None:
            # Unless it was set anew meanwhile.
            connection.executemany(
                "DELETE FROM timers WHERE stage = ? AND name = ? AND due = ? AND event = ?",
                due,
            )

        await self._store.write(remove)
        return len(due) == _MOST_AT_ONCE

    def _due(self, connection: Connection) -> list[_Due]:
        marks = ", ".join("?" * len(self._stages))
        rows = connection.execute(
            f"SELECT stage, name, due, event FROM timers WHERE due <= ? AND stage IN ({marks}) "
            "ORDER BY due LIMIT ?",
            (self._now(), *self._stages, _MOST_AT_ONCE),
        )
        return [_Due(*row) for row in rows]
