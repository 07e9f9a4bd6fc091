"""The effect of changing a key of a stage's state.

The row keeps the event that changed it last and the value before it, so that this event, handled
again after a crash, begins with what was before. A key that was removed keeps its row for the same
reason, until :func:`lineal.effects.sweep.sweep` deletes it.

Several events of a key may be committed together. Where the store is written before the bus
commits, all of them may be handled again, one after the other: the row keeps what each of them has
found there (:func:`keep_found`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import orjson

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
    """The key of the event, of which its id is a part; see :mod:`lineal.effects.event_key`."""
    seen: str | None
    """That of the event that had changed the key last when it was read; None: there was no row."""
    before: bytes | None
    after: bytes | None
    """None: the key is removed."""
    at: int
    """When the step began, in microseconds since the Unix epoch."""
    found: bytes | None = None
    """What the events before it that are committed with it have found; see :func:`found_by`."""


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


def keep_found(
    effects: Iterable[Effect], events: Iterable[Sequence[tuple[str, str]]]
) -> Sequence[Effect]:
    """Effects that are to be applied before the bus commits, with one change for each key of state,
    which keeps what every event has found there: also those that did not change it.

    It is kept by the position of the event: one that failed, or waits to be tried again, may come
    once more at another position, and is to find what the others have left.

    Args:
        events: keys and positions of the events of each partition key that are handled together, in
            their order.

    Raises:
        StateConflict: two changes were made from the same value.
    """
    place: dict[str, tuple[Sequence[str], int]] = {}
    for events_of_key in events:
        if len(events_of_key) > 1:
            positions = [position for _, position in events_of_key]
            place |= {key: (positions, at) for at, (key, _) in enumerate(events_of_key)}
    if not place:
        return list(effects)
    changes: dict[tuple[str, str], list[StateChange]] = {}
    others: list[Effect] = []
    for effect in effects:
        if isinstance(effect, StateChange):
            changes.setdefault((effect.stage, effect.key), []).append(effect)
        else:
            others.append(effect)
    combined = combine(change for some in changes.values() for change in some)
    kept = [replace(c, found=_found(changes[c.stage, c.key], place)) for c in combined]
    return [*others, *kept]


def _found(
    changes: Sequence[StateChange], place: Mapping[str, tuple[Sequence[str], int]]
) -> bytes | None:
    """What the events before the last of these changes of one key have found."""
    last = changes[-1].event_id
    if last not in place:
        return None
    positions, end = place[last]
    found: list[tuple[Sequence[str], str | None]] = []
    begin = 0
    for change in changes:
        of, number = place.get(change.event_id, ((), 0))
        if of is not positions or number < begin:
            continue  # another key's, or the same event once more
        upto = min(number + 1, end)
        value = None if change.before is None else b64encode(change.before).decode()
        if begin < upto:
            found.append((positions[begin:upto], value))
        begin = number + 1
    return orjson.dumps(found) if found else None


def found_by(position: str, found: bytes) -> tuple[bool, bytes | None]:
    """Whether the event at a position is among those before the last that were committed together,
    and what it has found."""
    for positions, value in orjson.loads(found):
        if position in positions:
            return True, None if value is None else b64decode(value)
    return False, None


def _apply(connection: Connection, changes: Sequence[StateChange]) -> None:
    last = combine(changes)
    new = [change for change in last if change.seen is None]
    known = [change for change in last if change.seen is not None]
    if new:
        cursor = connection.executemany(
            "INSERT INTO state (stage, name, event_id, before, after, removed, found) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (stage, name) DO UPDATE "
            "SET before = excluded.before, after = excluded.after, removed = excluded.removed, "
            "found = excluded.found WHERE state.event_id = excluded.event_id",
            [(c.stage, c.key, c.event_id, c.before, c.after, _removed(c), c.found) for c in new],
        )
        if cursor.rowcount != len(new):
            raise _conflict(connection, new)
    if known:
        cursor = connection.executemany(
            "UPDATE state SET event_id = ?, before = ?, after = ?, removed = ?, found = ? "
            "WHERE stage = ? AND name = ? AND event_id IN (?, ?)",
            [
                (
                    c.event_id, c.before, c.after, _removed(c), c.found,
                    c.stage, c.key, c.seen, c.event_id,
                )
                for c in known
            ],
        )  # fmt: skip
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
