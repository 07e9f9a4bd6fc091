"""Publishing later and on schedules, for programs and for the command line.

What waits is a timer in the store that any daemon publishes (:mod:`lineal.stages.schedules`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from lineal.bus.claim_check import check_in
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal.runtime import Runtime
from lineal.stages.schedules import (
    DELAYED,
    SCHEDULED,
    Schedule,
    check_name,
    is_delayed,
    planned_schedules,
)
from lineal_schemas.envelope import RawEvent, now_us


async def publish_later(runtime: Runtime, events: Sequence[RawEvent], at: datetime) -> None:
    """Publish admitted events at a time, once; the same id with another time moves an event.

    Raises:
        TypeError: the time has no zone.
    """
    if at.tzinfo is None:
        raise TypeError(f"{at} has no time zone: write datetime(..., tzinfo=UTC)")
    due = round(at.timestamp() * 1e6)
    timers = [TimerSet(DELAYED, event.id, due, await _kept(runtime, event)) for event in events]
    await runtime.committer.publish((), timers)


async def cancel_later(runtime: Runtime, identifier: str) -> bool:
    """Take back an event that waits for its time; whether one of this id did."""
    waits = await runtime.store.read(partial(is_delayed, identifier=identifier))
    await runtime.committer.publish((), [TimerCancelled(DELAYED, identifier)])
    return waits


async def set_schedule(
    runtime: Runtime, schedule: Schedule, event: RawEvent, *, after_us: int | None = None
) -> datetime:
    """Publish an admitted event again and again; a schedule of the same name is replaced. Returns
    the first time.

    Args:
        after_us: the first time is after this one, in microseconds since the Unix epoch; None: now.

    Raises:
        WrongSchedule: the name, the expression or the zone is none.
    """
    check_name(schedule.name)
    due = schedule.next_after(now_us() if after_us is None else after_us)
    timer = schedule.timer(due, await _kept(runtime, event))
    older = [row for row in await _rows(runtime, schedule.name) if row != timer.name]
    changes = [TimerCancelled(SCHEDULED, row) for row in older]
    await runtime.committer.publish((), [*changes, timer])
    return datetime.fromtimestamp(due / 1e6, UTC)


async def end_schedule(runtime: Runtime, name: str) -> bool:
    """End a schedule; whether there was one of this name."""
    rows = await _rows(runtime, name)
    await runtime.committer.publish((), [TimerCancelled(SCHEDULED, row) for row in rows])
    return bool(rows)


async def _rows(runtime: Runtime, name: str) -> list[str]:
    planned = await runtime.store.read(planned_schedules)
    return [item.row for item in planned if item.schedule.name == name]


async def _kept(runtime: Runtime, event: RawEvent) -> bytes:
    """An event as a timer keeps it."""
    return (await check_in(event, runtime.objects)).to_json(exact=True)
