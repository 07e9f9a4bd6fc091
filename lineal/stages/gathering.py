"""Gathering: which parts of a whole are in, kept across restarts."""

from __future__ import annotations

import sqlite3

from lineal.bus.protocol import Write
from lineal_schemas.envelope import RawEvent, from_json
from lineal_schemas.parts import Part


def parts_in(connection: sqlite3.Connection, stage: str, part: Part) -> int:
    """How many other parts of the whole are in."""
    row = connection.execute(
        "SELECT count(*) FROM gathering WHERE stage = ? AND whole = ? AND part != ?",
        (stage, part.whole, part.index),
    ).fetchone()
    return int(row[0])


def other_parts(
    connection: sqlite3.Connection, stage: str, part: Part
) -> list[tuple[int, RawEvent]]:
    """The other parts of the whole that are in, with their index."""
    rows = connection.execute(
        "SELECT part, event FROM gathering WHERE stage = ? AND whole = ? AND part != ?",
        (stage, part.whole, part.index),
    )
    return [(index, from_json(event)) for index, event in rows]


def keep_part(stage: str, part: Part, event: RawEvent) -> Write:
    """Remember a part; the same part again takes its place."""
    row = (stage, part.whole, part.index, event.to_json(exact=True))

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO gathering VALUES (?, ?, ?, ?)", row)

    return write


def forget_whole(stage: str, part: Part) -> Write:
    """Forget all parts of a whole that was made."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute(
            "DELETE FROM gathering WHERE stage = ? AND whole = ?", (stage, part.whole)
        )

    return write
