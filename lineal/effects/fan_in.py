"""Effects of fan-in: a part that waits for its group, and a group that is complete.

The parts of a group that was handled stay, marked with the event that completed it: this event,
handled again after a crash, finds them, and others do not. :func:`lineal.effects.sweep.sweep`
deletes them later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class FanInPart(Effect):
    """A part has come; the same part again takes its place."""

    kind: ClassVar[str] = "fan-in.part"
    read_by_others: ClassVar[bool] = True

    stage: str
    group_id: str
    index: int
    event: bytes
    """Exact JSON."""


@dataclass(frozen=True, slots=True)
class FanInDone(Effect):
    """An event has completed a group: its parts are used up."""

    kind: ClassVar[str] = "fan-in.done"
    read_by_others: ClassVar[bool] = True

    stage: str
    group_id: str
    event_id: str
    at: int
    """Microseconds since the Unix epoch."""


def _apply(connection: Connection, changes: Sequence[FanInPart | FanInDone]) -> None:
    parts: list[FanInPart] = []
    for change in changes:
        if isinstance(change, FanInPart):
            parts.append(change)
            continue
        _put(connection, parts)
        parts = []
        connection.execute(
            "UPDATE gathering SET done_by = ?, done_at = ? "
            "WHERE stage = ? AND whole = ? AND done_by IS NULL",
            (change.event_id, change.at, change.stage, change.group_id),
        )
    _put(connection, parts)


def _put(connection: Connection, parts: Sequence[FanInPart]) -> None:
    if parts:
        connection.executemany(
            "INSERT INTO gathering (stage, whole, part, event, done_by, done_at) "
            "VALUES (?, ?, ?, ?, NULL, NULL) ON CONFLICT (stage, whole, part) DO UPDATE "
            "SET event = excluded.event, done_by = NULL, done_at = NULL",
            [(part.stage, part.group_id, part.index, part.event) for part in parts],
        )


register(_apply, FanInPart, FanInDone)
