"""Effects of delayed retries: events that failed and are tried again when their time has come.

The event waits as a timer, whose owner is :func:`retry_owner` of the stage, and comes back on the
stage's redrive topic. Its row says how often it was tried, and where it was delivered: at first,
and at the attempt that was decided about last. So what is delivered again after a crash is told
from what comes back in its time. When the event has ended the row is kept for a while, for the same
reason, until :func:`sweep_retries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.effects.seen import WINDOW_US
from lineal.store.connection import Connection

Ending = Literal["handled", "dead letter", "dropped"]

_OWNER = "@retry/"
"""Before the stage's name, in the place of the stage that a timer belongs to; no stage has such a
name."""


def retry_owner(stage: str) -> str:
    """What the timers of a stage's delayed retries belong to."""
    return f"{_OWNER}{stage}"


def stage_of_owner(owner: str) -> str | None:
    """The stage whose delayed retries these timers are; None: they are others."""
    return owner.removeprefix(_OWNER) if owner.startswith(_OWNER) else None


def retry_timer(source: str, event_id: str) -> str:
    """The name of the timer of an event, which is known by its source and id."""
    return f"{source}\n{event_id}"


@dataclass(frozen=True, slots=True)
class RetryDelayed(Effect):
    """An attempt at an event failed, and the event waits for the next."""

    kind: ClassVar[str] = "retry.delayed"
    read_by_others: ClassVar[bool] = True

    stage: str
    source: str
    event_id: str
    position: str
    """Where it was delivered when it failed."""
    first: bool
    """Whether this was its first attempt, or the first after it was redriven."""
    attempts: int
    """How often it was tried in all."""
    delays: int
    """For how many delays it has waited, this one included."""
    delayed: int
    """Microseconds of these delays."""
    due: int
    """Microseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class RetryEnded(Effect):
    """An event that had waited was handled, has become a dead letter, or was given up by hand."""

    kind: ClassVar[str] = "retry.ended"
    read_by_others: ClassVar[bool] = True

    stage: str
    source: str
    event_id: str
    position: str
    """Where it was delivered at its last attempt."""
    ending: Ending
    at: int
    """Microseconds since the Unix epoch."""


class RetryState(NamedTuple):
    """Where an event stands among its retries."""

    first_position: str
    """Where it was delivered at its first attempt."""
    position: str
    """Where it was delivered at the attempt that was decided about last."""
    attempts: int
    delays: int
    delayed: int
    """Microseconds."""
    due: int
    """When its next attempt was to be; microseconds since the Unix epoch."""
    ending: Ending | None
    """None: it waits."""
    scheduled: bool
    """Whether its next attempt is not on the bus yet, and no worker about to publish it."""


def retries_of(
    connection: Connection, stage: str, events: Sequence[tuple[str, str]]
) -> list[RetryState | None]:
    """The states of events, given by source and id, in their order; None: never tried again."""
    marks = ", ".join(["(?, ?)"] * len(events))
    rows = connection.execute(
        "SELECT r.source, r.event_id, r.first_position, r.position, r.attempts, r.delays, "
        "r.delayed, r.due, r.ending, t.name IS NOT NULL AND t.claimed_by IS NULL "
        f"FROM (VALUES {marks}) AS asked "
        "JOIN delayed_retries AS r ON r.stage = ? AND r.source = asked.column1 "
        "AND r.event_id = asked.column2 "
        "LEFT JOIN timers AS t ON t.stage = ? AND t.name = r.source || ? || r.event_id",
        (*(value for event in events for value in event), stage, retry_owner(stage), "\n"),
    ).fetchall()
    found = {
        (source, event_id): RetryState._make((*state, bool(scheduled)))
        for source, event_id, *state, scheduled in rows
    }
    return [found.get(event) for event in events]


class WaitingRetries(NamedTuple):
    """The events of a stage that wait for their next attempt."""

    events: int
    next_due: int
    """Microseconds since the Unix epoch."""
    last_due: int


def waiting_retries(connection: Connection) -> dict[str, WaitingRetries]:
    """By stage, the events that wait for their next attempt."""
    rows = connection.execute(
        "SELECT stage, count(*), min(due), max(due) FROM timers "
        f"WHERE substr(stage, 1, {len(_OWNER)}) = ? GROUP BY stage ORDER BY stage",
        (_OWNER,),
    ).fetchall()
    return {owner.removeprefix(_OWNER): WaitingRetries(*figures) for owner, *figures in rows}


def sweep_retries(connection: Connection, older_than: int) -> int:
    """Delete rows of events that ended before a time in microseconds, and of those that were due
    long before it and never came back; returns how many."""
    return connection.execute(
        "DELETE FROM delayed_retries WHERE ended < ? OR due < ?",
        (older_than, older_than - WINDOW_US),
    ).rowcount


def _apply(connection: Connection, changes: Sequence[RetryDelayed | RetryEnded]) -> None:
    for change in changes:
        event = change.stage, change.source, change.event_id
        if isinstance(change, RetryDelayed):
            first = "first_position = excluded.first_position, " if change.first else ""
            connection.execute(
                "INSERT INTO delayed_retries (stage, source, event_id, first_position, position, "
                "attempts, delays, delayed, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                f"ON CONFLICT (stage, source, event_id) DO UPDATE SET {first}"
                "position = excluded.position, attempts = excluded.attempts, "
                "delays = excluded.delays, delayed = excluded.delayed, due = excluded.due, "
                "ending = NULL, ended = NULL",
                (
                    *event, change.position, change.position,
                    change.attempts, change.delays, change.delayed, change.due,
                ),
            )  # fmt: skip
        else:
            connection.execute(
                "UPDATE delayed_retries SET position = ?, ending = ?, ended = ? "
                "WHERE stage = ? AND source = ? AND event_id = ?",
                (change.position, change.ending, change.at, *event),
            )


register(_apply, RetryDelayed, RetryEnded)
