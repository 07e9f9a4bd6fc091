"""Timers that a step sets and cancels, and those whose event is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.errors import LinealError
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class TimerSet(Effect):
    """A timer; one of the same name is replaced."""

    kind: ClassVar[str] = "timer.set"
    read_by_others: ClassVar[bool] = True

    stage: str
    name: str
    due: int
    """Microseconds since the Unix epoch."""
    event: bytes
    """What is published then, as exact JSON."""


@dataclass(frozen=True, slots=True)
class TimerCancelled(Effect):
    """There is no timer of this name any more."""

    kind: ClassVar[str] = "timer.cancelled"
    read_by_others: ClassVar[bool] = True

    stage: str
    name: str


class TimerConflict(LinealError):
    """Another worker has published the timer's event, or it was set anew or cancelled."""


@dataclass(frozen=True, slots=True)
class TimerDone(Effect):
    """The timer's event is published in the transaction that applies this.

    Applying it raises :class:`TimerConflict` unless the timer is there as it was read, and the
    event is not published: of several workers that find a timer due, one publishes it.
    """

    kind: ClassVar[str] = "timer.done"
    read_by_others: ClassVar[bool] = True

    stage: str
    name: str
    due: int
    event: bytes


def _apply(connection: Connection, changes: Sequence[TimerSet | TimerCancelled]) -> None:
    last = {(change.stage, change.name): change for change in changes}
    for cancelled, some in groupby(
        sorted(last.values(), key=_order), lambda change: isinstance(change, TimerCancelled)
    ):
        if cancelled:
            connection.executemany(
                "DELETE FROM timers WHERE stage = ? AND name = ?",
                [(change.stage, change.name) for change in some],
            )
        else:
            connection.executemany(
                "INSERT INTO timers (stage, name, due, event) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (stage, name) DO UPDATE SET due = excluded.due, "
                "event = excluded.event, claimed_by = NULL, claimed_until = NULL",
                [
                    (change.stage, change.name, change.due, change.event)
                    for change in some
                    if isinstance(change, TimerSet)
                ],
            )


def _order(change: TimerSet | TimerCancelled) -> tuple[str, str, str]:
    return change.kind, change.stage, change.name


def _end(connection: Connection, timers: Sequence[TimerDone]) -> None:
    rows = {(timer.stage, timer.name, timer.due, timer.event) for timer in timers}
    found = connection.executemany(
        "DELETE FROM timers WHERE stage = ? AND name = ? AND due = ? AND event = ?", sorted(rows)
    )
    if found.rowcount != len(rows):
        raise TimerConflict("another worker has published the event of a timer")


register(_apply, TimerSet, TimerCancelled)
register(_end, TimerDone)
