"""Which parts of a fan-in group have arrived, kept across restarts."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json
from lineal_schemas.ids import again_id
from lineal_schemas.parts import Part

_UNUSED = "stage = ? AND group_id = ? AND (done_by IS NULL OR done_by = ?)"
_OTHERS = f"{_UNUSED} AND part != ?"


def closing_id(first_part: str, group_id: str) -> str:
    """The id of the event that closes a group by time.

    Args:
        first_part: the id of the part with which the group began to wait.
    """
    return again_id(first_part, f"closes {group_id}")


class OtherParts(NamedTuple):
    """The other parts of a group when one has come."""

    waiting: int
    """How many are in and wait."""
    complete: list[tuple[int, RawEvent]] | None
    """They, with their index, if all are in."""


def other_parts(connection: Connection, stage: str, part: Part, event_id: str) -> OtherParts:
    """What is in of the group of a part.

    Parts that another event has used up are not; those that this one has, are: it is handled again.
    """
    others = (stage, part.group_id, event_id, part.index)
    (count,) = connection.execute(
        f"SELECT count(*) FROM fan_in_groups WHERE {_OTHERS}", others
    ).fetchone()
    if count + 1 < part.count:
        return OtherParts(count, None)
    rows = connection.execute(
        f"SELECT part, event FROM fan_in_groups WHERE {_OTHERS}", others
    ).fetchall()
    if len(rows) < count:
        # Another worker, which was thought gone, has completed the group meanwhile.
        return OtherParts(count, None)
    return OtherParts(count, [(index, from_json(event)) for index, event in rows])


def closed_without(connection: Connection, stage: str, part: Part) -> bool:
    """Whether the group of a part was closed by time before this part came."""
    rows = connection.execute(
        "SELECT part, done_by, event FROM fan_in_groups WHERE stage = ? AND group_id = ?",
        (stage, part.group_id),
    ).fetchall()
    closings = {closing_id(from_json(event).id, part.group_id) for _, _, event in rows}
    came = {index for index, _, _ in rows}
    ended = [by for _, by, _ in rows]
    return part.index not in came and None not in ended and not closings.isdisjoint(ended)


def parts_that_came(
    connection: Connection, stage: str, group_id: str, event_id: str
) -> list[RawEvent]:
    """The parts of a group that wait, in their order, or that the event with this id has used up
    already: it is handled again."""
    rows = connection.execute(
        f"SELECT event FROM fan_in_groups WHERE {_UNUSED} ORDER BY part",
        (stage, group_id, event_id),
    ).fetchall()
    return [from_json(event) for (event,) in rows]


class WaitingPart(NamedTuple):
    """A part that waits for the others of its group."""

    group_id: str
    part: int
    event_id: str


def waiting_parts(
    connection: Connection, stage: str, event_ids: Collection[str]
) -> list[WaitingPart]:
    """Those of a stage's waiting parts that are one of these events.

    Looks through all that wait: nothing leads from an event to its group.
    """
    rows = connection.stream(
        "SELECT group_id, part, event FROM fan_in_groups WHERE stage = ? AND done_by IS NULL",
        (stage,),
    )
    wanted = [event_id.encode() for event_id in event_ids]
    found = [
        WaitingPart(group_id, part, from_json(event).id)
        for group_id, part, event in rows
        if any(event_id in event for event_id in wanted)
    ]
    return [waiting for waiting in found if waiting.event_id in event_ids]
