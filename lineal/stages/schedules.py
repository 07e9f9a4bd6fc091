"""Events that are published later, once or again and again.

Both are timers that belong to no stage: every daemon looks after them, and one publishes each event
(:mod:`lineal.stages.timers`). A schedule is a timer that is set anew, for its next time, when its
event is published; each of its events has an id derived from the schedule's name and the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lineal.effects.retries import stage_of_owner
from lineal.effects.timers import TimerSet
from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json
from lineal_schemas.ids import again_id

DELAYED = "@delayed"
SCHEDULED = "@schedule"
OF_NO_STAGE = (DELAYED, SCHEDULED)
"""In the place of the stage that timers belong to; no stage can have such a name."""
_SEPARATOR = "\n"


class WrongSchedule(LinealError, ValueError):
    """A cron expression or a time zone is none; says which and why."""


class Schedule(NamedTuple):
    """When an event is published again and again."""

    name: str
    cron: str
    """Minute, hour, day of the month, month, day of the week; or six fields, seconds first."""
    zone: str
    """A time zone's name in the IANA database."""

    def next_after(self, time_us: int) -> int:
        """Its first time after one, both in microseconds since the Unix epoch. Where clocks are put
        forward, a fixed time in the gap is after it; where they are put back, it is once. With
        ``*`` in the minute or the hour it goes by the clock: not at all in a gap, and twice.

        Raises:
            WrongSchedule: there is none.
        """
        from cronsim import CronSim, CronSimError

        try:
            after = datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(ZoneInfo(self.zone))
            following = next(CronSim(self.cron, after))
        except (CronSimError, StopIteration) as error:
            raise WrongSchedule(f"schedule {self.name!r}: {self.cron!r}: {error}") from error
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise WrongSchedule(f"schedule {self.name!r}: no time zone {self.zone!r}") from error
        return round(following.timestamp() * 1e6)

    def timer(self, due: int, event: bytes) -> TimerSet:
        """The timer of its event at one of its times."""
        return TimerSet(SCHEDULED, _SEPARATOR.join(self), due, event)


class PlannedSchedule(NamedTuple):
    """A schedule, and when its event is published next."""

    schedule: Schedule
    due: int
    """Microseconds since the Unix epoch."""
    row: str
    """What its timer is called in the store."""
    type: str
    """Of its events."""


class DelayedEvent(NamedTuple):
    """An event that is published once, later."""

    id: str
    due: int
    """Microseconds since the Unix epoch."""
    type: str


def planned_schedules(connection: Connection) -> Sequence[PlannedSchedule]:
    """All schedules, by name."""
    return [
        PlannedSchedule(_schedule_of(name), due, name, from_json(event).type)
        for name, due, event in _timers(connection, SCHEDULED)
    ]


def delayed_events(connection: Connection) -> Sequence[DelayedEvent]:
    """All events that wait for their time, the next first."""
    found = [
        DelayedEvent(name, due, from_json(event).type)
        for name, due, event in _timers(connection, DELAYED)
    ]
    return sorted(found, key=lambda event: event.due)


def is_delayed(connection: Connection, identifier: str) -> bool:
    """Whether an event of this id waits for its time."""
    row = connection.execute(
        "SELECT 1 FROM timers WHERE stage = ? AND name = ?", (DELAYED, identifier)
    ).fetchone()
    return row is not None


def _timers(connection: Connection, stage: str) -> Sequence[tuple[str, int, bytes]]:
    rows = connection.execute(
        "SELECT name, due, event FROM timers WHERE stage = ? ORDER BY name", (stage,)
    ).fetchall()
    return [(name, due, bytes(event)) for name, due, event in rows]


def event_at(stage: str, name: str, due: int, event: bytes) -> RawEvent:
    """The event of a timer. Its time is when it is due, or when it was set if that is later;
    what is tried again is as it was."""
    found = from_json(event)
    if stage == SCHEDULED:
        identifier = again_id(f"schedule {_schedule_of(name).name}", str(due))
        own_key = found.partitionkey == found.id
        own_subject = found.correlationid == found.id
        return found._replace(
            id=identifier, time=due,
            partitionkey=identifier if own_key else found.partitionkey,
            correlationid=identifier if own_subject else found.correlationid,
        )  # fmt: skip
    if stage_of_owner(stage) is not None:
        return found  # the very event that failed
    return found._replace(time=max(found.time, due))


def following(stage: str, name: str, due: int, event: bytes) -> TimerSet | None:
    """The timer that is set when a timer's event is published; None for all but schedules."""
    if stage != SCHEDULED:
        return None
    schedule = _schedule_of(name)
    return schedule.timer(schedule.next_after(due), event)


def _schedule_of(row: str) -> Schedule:
    return Schedule(*row.split(_SEPARATOR))


def check_name(name: str) -> None:
    """Check that a schedule can be called so.

    Raises:
        WrongSchedule
    """
    if not name or not name.isprintable():
        raise WrongSchedule(f"{name!r} is no name of a schedule: printable characters, one or more")
