"""State: what a stage keeps from event to event under a key, across restarts.

A row remembers the event that changed it last, and its value before and after. Where the bus and
the store cannot share a transaction an event may be handled again after its writes were applied; it
is given the value *before* itself then, so that it comes to the same result and is not counted
twice. That holds while no other event has changed the key in between: keep state by the partition
key of the events, which are handled in order.

Two events that change one key at the same time (from two topics, or of two partition keys) are
noticed when they are settled: the later one is handled again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from lineal.bus.protocol import Write
from lineal.store.connection import Connection, Store

T = TypeVar("T")


class StateConflict(Exception):
    """Another event has changed the key since this one read it: handle this one again."""


class StateRow(NamedTuple):
    """One key as it was found."""

    event_id: str
    """The event that changed it last."""
    before: bytes | None
    after: bytes | None
    """None: the event removed it."""

    def seen_by(self, event_id: str) -> bytes | None:
        """The value an event begins with: its own change undone."""
        return self.before if self.event_id == event_id else self.after


class StateKeeper(Protocol):
    """Where state is kept: in the store, or, for a replay, in memory."""

    async def row(self, stage: str, key: str) -> StateRow | None: ...

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        """All keys that begin so, in their order."""
        ...

    def put(
        self, stage: str, key: str, event_id: str, seen: StateRow | None, value: bytes | None
    ) -> Write:
        """The write that changes a key which was found as ``seen``. It raises
        :class:`StateConflict` when that is not how it is any more."""
        ...

    def forget(self, stage: str, key: str, event_id: str) -> Write:
        """Clear away what the event removed; only once the step is settled for good."""
        ...


def state_rows(connection: Connection, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
    """All keys of a stage that begin so, in their order, as they are now."""
    found = connection.execute(
        "SELECT name, event_id, before, after FROM state "
        "WHERE stage = ? AND substr(name, 1, length(?)) = ?",
        (stage, prefix, prefix),
    )
    # Sorted here: what comes first is another matter in every database.
    return sorted((name, _row(*row)) for name, *row in found)


class StoredState:
    """State in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def row(self, stage: str, key: str) -> StateRow | None:
        def find(connection: Connection) -> StateRow | None:
            row = connection.execute(
                "SELECT event_id, before, after FROM state WHERE stage = ? AND name = ?",
                (stage, key),
            ).fetchone()
            return None if row is None else _row(*row)

        return await self._store.read(find)

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        return await self._store.read(lambda connection: state_rows(connection, stage, prefix))

    def put(
        self, stage: str, key: str, event_id: str, seen: StateRow | None, value: bytes | None
    ) -> Write:
        if seen is None:
            return _insert(stage, key, event_id, value)
        before = seen.seen_by(event_id)

        def write(connection: Connection) -> None:
            changed = connection.execute(
                "UPDATE state SET event_id = ?, before = ?, after = ? "
                "WHERE stage = ? AND name = ? AND event_id IN (?, ?)",
                (event_id, before, value, stage, key, seen.event_id, event_id),
            ).rowcount
            if not changed:
                raise StateConflict(key)

        return write

    def forget(self, stage: str, key: str, event_id: str) -> Write:
        def write(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM state WHERE stage = ? AND name = ? AND event_id = ? AND after IS NULL",
                (stage, key, event_id),
            )

        return write


def _insert(stage: str, key: str, event_id: str, value: bytes | None) -> Write:
    def write(connection: Connection) -> None:
        changed = connection.execute(
            "INSERT INTO state (stage, name, event_id, before, after) VALUES (?, ?, ?, NULL, ?) "
            "ON CONFLICT (stage, name) DO UPDATE SET after = excluded.after "
            "WHERE state.event_id = excluded.event_id",
            (stage, key, event_id, value),
        ).rowcount
        if not changed:
            raise StateConflict(key)

    return write


def _row(event_id: str, before: bytes | None, after: bytes | None) -> StateRow:
    return StateRow(event_id, before, after)


class ReplayedState:
    """State of a replay: begins empty, and goes with it; the live state is left alone."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], StateRow] = {}

    async def row(self, stage: str, key: str) -> StateRow | None:
        return self._rows.get((stage, key))

    async def rows(self, stage: str, prefix: str) -> list[tuple[str, StateRow]]:
        return sorted(
            (key, row)
            for (of, key), row in self._rows.items()
            if of == stage and key.startswith(prefix)
        )

    def put(
        self, stage: str, key: str, event_id: str, seen: StateRow | None, value: bytes | None
    ) -> Write:
        before = None if seen is None else seen.seen_by(event_id)

        def write(connection: Connection) -> None:
            now = self._rows.get((stage, key))
            if now != seen and (now is None or now.event_id != event_id):
                raise StateConflict(key)
            self._rows[stage, key] = StateRow(event_id, before, value)

        return write

    def forget(self, stage: str, key: str, event_id: str) -> Write:
        def write(connection: Connection) -> None:
            row = self._rows.get((stage, key))
            if row is not None and row.event_id == event_id and row.after is None:
                del self._rows[stage, key]

        return write


class StepState:
    """The state as one step sees it; see :class:`lineal.stages.context.State`."""

    __slots__ = ("_event_id", "_keeper", "_seen", "_stage", "_values")

    def __init__(self, keeper: StateKeeper, stage: str, event_id: str) -> None:
        self._keeper = keeper
        self._stage = stage
        self._event_id = event_id
        self._seen: dict[str, StateRow | None] = {}
        self._values: dict[str, bytes | None] = {}
        """What this step has put."""

    async def get(self, key: str) -> bytes | None:
        if key in self._values:
            return self._values[key]
        row = await self._look(key)
        return None if row is None else row.seen_by(self._event_id)

    async def put(self, key: str, value: bytes | None) -> None:
        await self._look(key)
        self._values[key] = value

    async def items(self, prefix: str) -> list[tuple[str, bytes]]:
        found: dict[str, bytes | None] = {}
        for key, row in await self._keeper.rows(self._stage, prefix):
            seen = self._seen.setdefault(key, row)
            found[key] = None if seen is None else seen.seen_by(self._event_id)
        for key, value in self._values.items():
            if key.startswith(prefix):
                found[key] = value
        return [(key, value) for key, value in sorted(found.items()) if value is not None]

    async def _look(self, key: str) -> StateRow | None:
        if key not in self._seen:
            self._seen[key] = await self._keeper.row(self._stage, key)
        return self._seen[key]

    def writes(self) -> list[Write]:
        """What makes the step's changes durable."""
        return [
            self._keeper.put(self._stage, key, self._event_id, self._seen[key], value)
            for key, value in self._values.items()
        ]

    def cleanups(self) -> list[Write]:
        """What clears away the keys the step removed."""
        return self._removed(lambda key: self._keeper.forget(self._stage, key, self._event_id))

    def _removed(self, write: Callable[[str], T]) -> list[T]:
        return [write(key) for key, value in self._values.items() if value is None]
