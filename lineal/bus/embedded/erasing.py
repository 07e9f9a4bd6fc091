"""Erases the data of events about subjects; their rows stay, with their positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lineal.bus.embedded.event_rows import OFFSET_BITS
from lineal.bus.erased_event import ERASED, ERASED_SOURCE
from lineal.store.sqlite import SqliteConnection


class FoundEvents(NamedTuple):
    """Events about subjects, dead letters too, that are not erased yet."""

    positions: tuple[int, ...]
    ends: Mapping[int, int]
    """By partition id, the offset up to which was looked."""


def find_events(connection: SqliteConnection, subjects: Sequence[str]) -> FoundEvents:
    """Look through all events: there is no index that every insert would have to keep up."""
    ends = dict(connection.execute("SELECT id, next_offset FROM partitions").fetchall())
    return FoundEvents(tuple(_positions(connection, subjects, 0, 1 << 63)), ends)


def erase_events(connection: SqliteConnection, subjects: Sequence[str], found: FoundEvents) -> int:
    """Put an empty event in the place of those that were found, and of those that were published
    since; returns how many."""
    positions = set(found.positions)
    for identifier, end in connection.execute("SELECT id, next_offset FROM partitions").fetchall():
        first = found.ends.get(identifier, 0)
        if first < end:
            base = identifier << OFFSET_BITS
            positions.update(_positions(connection, subjects, base + first, base + end))
    marks = ", ".join("?" * len(subjects))
    return connection.executemany(
        "UPDATE events SET type = ?, source = ?, subject = NULL, datacontenttype = "
        "'application/json', dataschema = NULL, partitionkey = id, data = ?, actor = NULL "
        f"WHERE position = ? AND type <> ? AND correlationid IN ({marks})",
        [
            (ERASED, ERASED_SOURCE, b"{}", position, ERASED, *subjects)
            for position in sorted(positions)
        ],
    ).rowcount


def _positions(
    connection: SqliteConnection, subjects: Sequence[str], first: int, end: int
) -> list[int]:
    marks = ", ".join("?" * len(subjects))
    rows = connection.execute(
        "SELECT position FROM events WHERE position >= ? AND position < ? "
        f"AND correlationid IN ({marks}) AND type <> ?",
        (first, min(end, (1 << 63) - 1), *subjects, ERASED),
    )
    return [position for (position,) in rows]
