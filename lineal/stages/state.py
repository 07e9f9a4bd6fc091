"""``ctx.state``: typed values that a stage keeps between events, by key.

A row remembers the event that changed it last, and its value before and after; and what the events
have found that were committed together with that one. Where the bus and the store cannot share a
transaction an event may be handled again after its changes were applied; it is given the value
*before* itself then, so that it comes to the same result and is not counted twice. That holds while
no other event has changed the key in between: keep state by the partition key of the events, which
are handled in order. A key that was removed keeps its row for the same reason, until it is swept.

Two events that change one key at the same time (from two topics, or of two partition keys) are
noticed when they are settled: the later one is handled again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from lineal.effects.event_key import is_event
from lineal.effects.state import StateChange, combine, found_by
from lineal.errors import StateConflict
from lineal.stages.state_values import decode_value, encode_value
from lineal.store.connection import Connection, Store

if TYPE_CHECKING:
    from lineal.stages.uncommitted import UncommittedChanges

V = TypeVar("V")

_KEYS_AT_ONCE = 500
"""Looked up in one query."""


class StateRow(NamedTuple):
    """One key as it was found."""

    event_id: str
    """The key of the event that changed it last; see :mod:`lineal.effects.event_key`."""
    before: bytes | None
    after: bytes | None
    """None: the event removed it."""
    found: bytes | None = None
    """What events before it have found that were committed together with it."""

    def seen_by(self, event_id: str, position: str) -> bytes | None:
        """The value an event begins with: its own change undone, and, where it is delivered at the
        same position once more, those of later events that were committed together with it."""
        if is_event(self.event_id, event_id):
            return self.before
        if self.found is not None:
            known, value = found_by(position, self.found)
            if known:
                return value
        return self.after


class StateStore(Protocol):
    """Where state is kept: in the store, or, for a replay, in memory."""

    async def row(self, stage: str, key: str) -> StateRow | None: ...

    async def rows_of(self, stage: str, keys: Sequence[str]) -> dict[str, StateRow]:
        """Those of these keys that there are."""
        ...

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        """All keys that begin so, in their order."""
        ...


def state_rows(connection: Connection, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
    """All keys of a stage that begin so, in their order, as they are now."""
    end = _end_of(prefix)
    found = connection.execute(
        "SELECT name, event_id, before, after, found FROM state WHERE stage = ? AND name >= ?"
        + ("" if end is None else " AND name < ?"),
        (stage, prefix) if end is None else (stage, prefix, end),
    )
    # Sorted here: what comes first is another matter in every database.
    return sorted((name, _row(*row)) for name, *row in found)


def _end_of(prefix: str) -> str | None:
    """What follows all keys that begin so, in the order of code points; None: nothing does.

    A range of an index, where a condition on the beginning of each key would read them all.
    """
    known = prefix.rstrip(chr(sys.maxunicode))
    if not known:
        return None
    following = ord(known[-1]) + 1
    return known[:-1] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)


class StoredState:
    """State in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def row(self, stage: str, key: str) -> StateRow | None:
        def find(connection: Connection) -> StateRow | None:
            row = connection.execute(
                "SELECT event_id, before, after, found FROM state WHERE stage = ? AND name = ?",
                (stage, key),
            ).fetchone()
            return None if row is None else _row(*row)

        return await self._store.read(find)

    async def rows_of(self, stage: str, keys: Sequence[str]) -> dict[str, StateRow]:
        def find(connection: Connection) -> dict[str, StateRow]:
            found: dict[str, StateRow] = {}
            for begin in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[begin : begin + _KEYS_AT_ONCE]
                rows = connection.execute(
                    "SELECT name, event_id, before, after, found FROM state "
                    f"WHERE stage = ? AND name IN ({', '.join('?' * len(some))})",
                    (stage, *some),
                )
                found.update((name, _row(*row)) for name, *row in rows)
            return found

        return await self._store.read(find) if keys else {}

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        return await self._store.read(lambda connection: state_rows(connection, stage, prefix))


def _row(event_id: str, before: bytes | None, after: bytes | None, found: bytes | None) -> StateRow:
    return StateRow(event_id, before, after, found)


class ReplayedState:
    """State of a replay: begins empty, and goes with it; the live state is left alone."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], StateRow] = {}

    async def row(self, stage: str, key: str) -> StateRow | None:
        return self._rows.get((stage, key))

    async def rows_of(self, stage: str, keys: Sequence[str]) -> dict[str, StateRow]:
        return {key: self._rows[stage, key] for key in keys if (stage, key) in self._rows}

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        return sorted(
            (key, row)
            for (of, key), row in self._rows.items()
            if of == stage and key.startswith(prefix)
        )

    def apply(self, changes: Iterable[StateChange]) -> None:
        """Apply changes, all of them or none.

        Raises:
            StateConflict: another event has changed one of the keys meanwhile.
        """
        last = combine(changes)
        for change in last:
            row = self._rows.get((change.stage, change.key))
            event_id = None if row is None else row.event_id
            if event_id not in (change.seen, change.event_id):
                raise StateConflict(change.key)
        for change in last:
            row = StateRow(change.event_id, change.before, change.after)
            self._rows[change.stage, change.key] = row


class StepState:
    """The state as one step sees it; see :class:`lineal.stages.context.State`."""

    __slots__ = ("_event_id", "_keeper", "_position", "_seen", "_stage", "_uncommitted", "_values")

    def __init__(
        self,
        keeper: StateStore,
        stage: str,
        event_id: str,
        position: str,
        uncommitted: UncommittedChanges | None = None,
    ) -> None:
        self._keeper = keeper
        self._uncommitted = uncommitted
        self._stage = stage
        self._event_id = event_id
        self._position = position
        self._seen: dict[str, StateRow | None] = {}
        self._values: dict[str, bytes | None] = {}
        """What this step has put."""

    async def get(self, key: str, kind: type[V]) -> V | None:
        if key in self._values:
            value = self._values[key]
        else:
            row = await self._look(key)
            value = None if row is None else row.seen_by(self._event_id, self._position)
        return None if value is None else decode_value(kind, value)

    def unknown(self, keys: Iterable[str]) -> list[str]:
        """Those of these keys that would have to be looked up in the store."""
        uncommitted = self._uncommitted
        return [
            key
            for key in keys
            if key not in self._seen and (uncommitted is None or uncommitted.state(key) is None)
        ]

    def note(self, keys: Iterable[str], rows: Mapping[str, StateRow]) -> None:
        """Keys were looked up in the store, and these of them are there."""
        for key in keys:
            self._seen.setdefault(key, rows.get(key))

    async def put(self, key: str, value: object) -> None:
        await self._look(key)
        self._values[key] = encode_value(value)

    async def delete(self, key: str) -> None:
        await self._look(key)
        self._values[key] = None

    async def items(self, prefix: str, kind: type[V]) -> list[tuple[str, V]]:
        found: dict[str, bytes | None] = {}
        # Looked up before the store is: what is committed meanwhile is in one of them, or in both.
        uncommitted = {} if self._uncommitted is None else self._uncommitted.items(prefix)
        rows = {**dict(await self._keeper.rows(self._stage, prefix)), **uncommitted}
        for key, row in rows.items():
            seen = self._seen.setdefault(key, row)
            found[key] = None if seen is None else seen.seen_by(self._event_id, self._position)
        for key, value in self._values.items():
            if key.startswith(prefix):
                found[key] = value
        return [
            (key, decode_value(kind, value))
            for key, value in sorted(found.items())
            if value is not None
        ]

    async def _look(self, key: str) -> StateRow | None:
        if key not in self._seen:
            row = None if self._uncommitted is None else self._uncommitted.state(key)
            if row is None:
                row = await self._keeper.row(self._stage, key)
            self._seen[key] = row
        return self._seen[key]

    def changes(self, at: int) -> list[StateChange]:
        """What the step has changed; it began at a time in microseconds since the Unix epoch."""
        return [self._change(key, value, at) for key, value in self._values.items()]

    def _change(self, key: str, value: bytes | None, at: int) -> StateChange:
        seen = self._seen[key]
        before = None if seen is None else seen.seen_by(self._event_id, self._position)
        known = None if seen is None else seen.event_id
        return StateChange(self._stage, key, self._event_id, known, before, value, at)
