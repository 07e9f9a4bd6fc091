"""Gathering: which parts of a whole are in, kept across restarts."""

from __future__ import annotations

from lineal.bus.protocol import Write
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json
from lineal_schemas.parts import Part


def other_parts_if_all(
    connection: Connection, stage: str, part: Part
) -> list[tuple[int, RawEvent]] | None:
    """The other parts of the whole, with their index, if all of them are in."""
    others = (stage, part.whole, part.index)
    (count,) = connection.execute(
        "SELECT count(*) FROM gathering WHERE stage = ? AND whole = ? AND part != ?", others
    ).fetchone()
    if count + 1 < part.count:
        return None
    rows = connection.execute(
        "SELECT part, event FROM gathering WHERE stage = ? AND whole = ? AND part != ?", others
    ).fetchall()
    if len(rows) < count:
        # Another worker, which was thought gone, has made the whole and forgotten it meanwhile.
        return None
    return [(index, from_json(event)) for index, event in rows]


def keep_part(stage: str, part: Part, event: RawEvent) -> Write:
    """Remember a part; the same part again takes its place."""
    row = (stage, part.whole, part.index, event.to_json(exact=True))

    def write(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO gathering (stage, whole, part, event) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (stage, whole, part) DO UPDATE SET event = excluded.event",
            row,
        )

    return write


def forget_whole(stage: str, part: Part) -> Write:
    """Forget all parts of a whole that was made."""

    def write(connection: Connection) -> None:
        connection.execute(
            "DELETE FROM gathering WHERE stage = ? AND whole = ?", (stage, part.whole)
        )

    return write
