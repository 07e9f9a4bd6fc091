"""Effects of fan-in: a part that waits for its group, or does no longer; a group that is complete.

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
from lineal_schemas.envelope import from_json

_OWNER = "@fan-in/"
"""Before the stage's name, in the place of the stage that a timer belongs to; no stage has such a
name."""


def fan_in_owner(stage: str) -> str:
    """What the timers belong to that close a stage's groups; each is named as its group."""
    return f"{_OWNER}{stage}"


def closing_stage(owner: str) -> str | None:
    """The stage whose groups these timers close; None: they are others."""
    return owner.removeprefix(_OWNER) if owner.startswith(_OWNER) else None


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


@dataclass(frozen=True, slots=True)
class PartWithdrawn(Effect):
    """A part that waits was withdrawn: its group waits for another in its place.

    A part that has taken its place already, and one whose group is complete, stay."""

    kind: ClassVar[str] = "fan-in.withdrawn"
    read_by_others: ClassVar[bool] = True

    stage: str
    group_id: str
    index: int
    event_id: str
    """Of the part."""
    withdrawal: str
    """Id of the event that withdrew it."""
    at: int
    """Microseconds since the Unix epoch."""


_Change = FanInPart | FanInDone | PartWithdrawn


def _apply(connection: Connection, changes: Sequence[_Change]) -> None:
    parts: list[FanInPart] = []
    for change in changes:
        if isinstance(change, FanInPart):
            parts.append(change)
            continue
        _put(connection, parts)
        parts = []
        if isinstance(change, PartWithdrawn):
            _withdraw(connection, change)
            continue
        connection.execute(
            "UPDATE fan_in_groups SET done_by = ?, done_at = ? "
            "WHERE stage = ? AND group_id = ? AND done_by IS NULL",
            (change.event_id, change.at, change.stage, change.group_id),
        )
    _put(connection, parts)


def _withdraw(connection: Connection, part: PartWithdrawn) -> None:
    place = (part.stage, part.group_id, part.index)
    row = connection.execute(
        "SELECT event FROM fan_in_groups "
        "WHERE stage = ? AND group_id = ? AND part = ? AND done_by IS NULL",
        place,
    ).fetchone()
    if row is not None and from_json(row[0]).id == part.event_id:
        connection.execute(
            "UPDATE fan_in_groups SET done_by = ?, done_at = ? "
            "WHERE stage = ? AND group_id = ? AND part = ?",
            (part.withdrawal, part.at, *place),
        )


def _put(connection: Connection, parts: Sequence[FanInPart]) -> None:
    if parts:
        connection.executemany(
            "INSERT INTO fan_in_groups (stage, group_id, part, event, done_by, done_at) "
            "VALUES (?, ?, ?, ?, NULL, NULL) ON CONFLICT (stage, group_id, part) DO UPDATE "
            "SET event = excluded.event, done_by = NULL, done_at = NULL",
            [(part.stage, part.group_id, part.index, part.event) for part in parts],
        )


register(_apply, FanInPart, FanInDone, PartWithdrawn)
