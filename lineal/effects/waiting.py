"""Effects of ``on_failure="wait"``: keys whose later events are held after a failed one.

The first row of a key is the event that failed; the others wait for it, in order. A row that was
released keeps the position at which its event was handled: delivered there again after a crash, the
event is handled again without waiting. Such rows are deleted by :func:`lineal.effects.sweep.sweep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class KeyHeld(Effect):
    """An event failed for good, or waits for one that did: later ones of its key wait for it."""

    kind: ClassVar[str] = "key.held"
    read_by_others: ClassVar[bool] = True

    stage: str
    key: str
    source: str
    event_id: str
    position: str
    """Where it was delivered when it failed or began to wait."""


@dataclass(frozen=True, slots=True)
class KeyReleased(Effect):
    """An event was handled after all, or dropped: the next of its key is the first now."""

    kind: ClassVar[str] = "key.released"
    read_by_others: ClassVar[bool] = True

    stage: str
    key: str
    source: str
    event_id: str
    position: str
    """Where it was delivered when it was handled; empty: it was dropped."""
    at: int
    """Microseconds since the Unix epoch."""


class EventOfKey(NamedTuple):
    """An event by which :func:`queue_places` is asked."""

    key: str
    source: str
    id: str


class QueuePlace(NamedTuple):
    """The place of an event among the waiting ones of its key."""

    first: tuple[str, str] | None
    """Source and id of the event that the key waits for; None: nothing waits."""
    held_at: str | None
    """Where the event was delivered when it began to wait; None: it does not."""
    released_at: str | None
    """Where the event was delivered when it was handled after all."""


def queue_places(
    connection: Connection, stage: str, events: Sequence[EventOfKey]
) -> list[QueuePlace]:
    """The places of events, in their order."""
    rows = connection.execute(
        "SELECT asked.column1, asked.column2, asked.column3, "
        "first.seq, first.source, first.event_id, own.position, own.released "
        f"FROM (VALUES {', '.join(['(?, ?, ?)'] * len(events))}) AS asked "
        "LEFT JOIN waiting_events AS first ON first.stage = ? AND first.key = asked.column1 "
        "AND first.released IS NULL AND first.seq = (SELECT min(seq) FROM waiting_events "
        "WHERE stage = ? AND key = asked.column1 AND released IS NULL) "
        "LEFT JOIN waiting_events AS own ON own.stage = ? AND own.key = asked.column1 "
        "AND own.source = asked.column2 AND own.event_id = asked.column3",
        (*(value for event in events for value in event), stage, stage, stage),
    ).fetchall()
    found: dict[EventOfKey, QueuePlace] = {}
    # Two workers may have given the same number: the smaller name is the first then.
    for key, source, event_id, seq, *first, position, released in sorted(rows, key=_order):
        place = QueuePlace(
            None if seq is None else (first[0], first[1]),
            position if released is None else None,
            released,
        )
        found.setdefault(EventOfKey(key, source, event_id), place)
    return [found[event] for event in events]


def _order(row: Sequence[str | int | None]) -> tuple[str, str]:
    return str(row[4]), str(row[5])


def numbers_of(connection: Connection, stage: str, key: str) -> dict[tuple[str, str], int]:
    """By source and id, the numbers of the events of a key that wait; the smallest is the first."""
    rows = connection.execute(
        "SELECT source, event_id, seq FROM waiting_events "
        "WHERE stage = ? AND key = ? AND released IS NULL",
        (stage, key),
    )
    return {(source, event_id): seq for source, event_id, seq in rows}


def sweep_released(connection: Connection, older_than: int) -> int:
    """Delete rows released before a time in microseconds; returns how many."""
    return connection.execute(
        "DELETE FROM waiting_events WHERE released_at < ?", (older_than,)
    ).rowcount


def _apply(connection: Connection, changes: Sequence[KeyHeld | KeyReleased]) -> None:
    for change in changes:
        event = change.stage, change.key, change.source, change.event_id
        if isinstance(change, KeyHeld):
            connection.execute(
                "INSERT INTO waiting_events (stage, key, source, event_id, seq, position) "
                "SELECT ?, ?, ?, ?, coalesce(max(seq), 0) + 1, ? FROM waiting_events "
                "WHERE stage = ? AND key = ? "
                "ON CONFLICT (stage, key, source, event_id) "
                "DO UPDATE SET released = NULL, released_at = NULL",
                (*event, change.position, change.stage, change.key),
            )
        else:
            connection.execute(
                "UPDATE waiting_events SET released = ?, released_at = ? "
                "WHERE stage = ? AND key = ? AND source = ? AND event_id = ?",
                (change.position, change.at, *event),
            )


register(_apply, KeyHeld, KeyReleased)
