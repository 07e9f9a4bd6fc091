"""Which parts of a fan-in group have arrived, kept across restarts."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json
from lineal_schemas.parts import Part

_OTHERS = "stage = ? AND whole = ? AND part != ? AND (done_by IS NULL OR done_by = ?)"


def other_parts_if_complete(
    connection: Connection, stage: str, part: Part, event_id: str
) -> list[tuple[int, RawEvent]] | None:
    """The other parts of the group, with their index, if all of them are in.

    Parts that another event has used up are not; those that this one has, are: it is handled again.
    """
    others = (stage, part.whole, part.index, event_id)
    (count,) = connection.execute(
        f"SELECT count(*) FROM gathering WHERE {_OTHERS}", others
    ).fetchone()
    if count + 1 < part.count:
        return None
    rows = connection.execute(
        f"SELECT part, event FROM gathering WHERE {_OTHERS}", others
    ).fetchall()
    if len(rows) < count:
        # Another worker, which was thought gone, has completed the group meanwhile.
        return None
    return [(index, from_json(event)) for index, event in rows]
