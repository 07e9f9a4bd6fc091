"""The effect of changing a key of a stage's state.

The row keeps the event that changed it last and the value before it, so that this event, handled
again after a crash, begins with what was before. A key that was removed keeps its row for the same
reason, until :func:`lineal.effects.sweep.sweep` deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.errors import StateConflict
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class StateChange(Effect):
    """The value of a key, put by an event."""

    kind: ClassVar[str] = "state"
    read_by_others: ClassVar[bool] = True

    stage: str
    key: str
    event_id: str
    seen: str | None
    """The event that had changed the key last when it was read; None: there was no row."""
    before: bytes | None
    after: bytes | None
    """None: the key is removed."""
    at: int
    """When the step began, in microseconds since the Unix epoch."""


def combine(changes: Iterable[StateChange]) -> list[StateChange]:
    """One change for each key.

    Raises:
        StateConflict: two of them were made from the same value.
    """
    last: dict[tuple[str, str], StateChange] = {}
    for change in changes:
        key = change.stage, change.key
        earlier = last.get(key)
        if earlier is None:
            last[key] = change
        elif change.event_id == earlier.event_id:
            last[key] = replace(change, seen=earlier.seen, before=earlier.before)
        elif change.seen == earlier.event_id:
            last[key] = replace(change, seen=earlier.seen)
        else:
            raise StateConflict(change.key)
    return list(last.values())


def _apply(connection: Connection, changes: Sequence[StateChange]) -> None:
    last = combine(changes)
    new = [change for change in last if change.seen is None]
    known = [change for change in last if change.seen is not None]
    if new:
        cursor = connection.executemany(
            "INSERT INTO state (stage, name, event_id, before, after, removed) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stage, name) DO UPDATE "
            "SET before = excluded.before, after = excluded.after, removed = excluded.removed "
            "WHERE state.event_id = excluded.event_id",
            [(c.stage, c.key, c.event_id, c.before, c.after, _removed(c)) for c in new],
        )
        if cursor.rowcount != len(new):
            raise _conflict(connection, new)
    if known:
        cursor = connection.executemany(
            "UPDATE state SET event_id = ?, before = ?, after = ?, removed = ? "
            "WHERE stage = ? AND name = ? AND event_id IN (?, ?)",
            [
                (c.event_id, c.before, c.after, _removed(c), c.stage, c.key, c.seen, c.event_id)
                for c in known
            ],
        )
        if cursor.rowcount != len(known):
            raise _conflict(connection, known)


def _removed(change: StateChange) -> int | None:
    return change.at if change.after is None else None


def _conflict(connection: Connection, changes: Sequence[StateChange]) -> StateConflict:
    for change in changes:
        row = connection.execute(
            "SELECT event_id FROM state WHERE stage = ? AND name = ?", (change.stage, change.key)
        ).fetchone()
        if row is None or row[0] != change.event_id:
            return StateConflict(change.key)
    return StateConflict("a key of state was changed meanwhile")


register(_apply, StateChange)
