"""Erases the data of events about subjects; their rows stay, with their positions."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.erased_event import ERASED, ERASED_SOURCE
from lineal.store.sqlite import SqliteConnection


def find_events(connection: SqliteConnection, subjects: Sequence[str]) -> list[int]:
    """Positions of the events about subjects, dead letters too, that are not erased yet."""
    marks = ", ".join("?" * len(subjects))
    rows = connection.execute(
        f"SELECT position FROM events WHERE correlationid IN ({marks}) AND type <> ?",
        (*subjects, ERASED),
    )
    return [position for (position,) in rows]


def event_data(connection: SqliteConnection, positions: Sequence[int]) -> list[bytes]:
    """The data of events."""
    return [
        connection.execute("SELECT data FROM events WHERE position = ?", (position,)).fetchone()[0]
        for position in positions
    ]


def erase_events(connection: SqliteConnection, subjects: Sequence[str]) -> int:
    """Put an empty event in the place of each event about subjects; returns how many."""
    positions = find_events(connection, subjects)
    connection.executemany(
        "UPDATE events SET type = ?, source = ?, subject = NULL, datacontenttype = "
        "'application/json', dataschema = NULL, partitionkey = id, data = ?, actor = NULL "
        "WHERE position = ?",
        [(ERASED, ERASED_SOURCE, b"{}", position) for position in positions],
    )
    return len(positions)
