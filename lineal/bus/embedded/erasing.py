"""Erases the data of events about subjects; their rows stay, with their positions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from lineal.bus.embedded.event_rows import OFFSET_BITS
from lineal.bus.erased_event import ERASED, ERASED_SOURCE
from lineal.store.sqlite import SqliteConnection
from lineal_schemas.envelope import now_us
from lineal_schemas.objects import ObjectRef

_REFERENCE = ObjectRef.model_fields.keys()
_SHA256 = re.compile("[0-9a-f]{64}")


class FoundEvents(NamedTuple):
    """Events about subjects, dead letters too, that are not erased yet."""

    positions: tuple[int, ...]
    ends: Mapping[int, int]
    """By partition id, the offset up to which was looked."""


def find_events(connection: SqliteConnection, subjects: Sequence[str]) -> FoundEvents:
    """Look through all events: there is no index that every insert would have to keep up."""
    ends = dict(connection.execute("SELECT id, next_offset FROM partitions").fetchall())
    return FoundEvents(tuple(_positions(connection, subjects, 0, 1 << 63)), ends)


def referenced_objects(connection: SqliteConnection, found: FoundEvents) -> set[str]:
    """SHA-256, hex, of the objects that the data of events refers to: also of what no step has
    read."""
    digests: set[str] = set()
    for position in found.positions:
        row = connection.execute("SELECT data FROM events WHERE position = ?", (position,))
        try:
            waiting = [orjson.loads(bytes(row.fetchone()[0]))]
        except orjson.JSONDecodeError:
            continue
        while waiting:
            item = waiting.pop()
            if isinstance(item, list):
                waiting += item
            elif isinstance(item, dict):
                waiting += item.values()
                if item.keys() >= _REFERENCE and isinstance(item["sha256"], str):
                    digests.add(item["sha256"])
    return {sha256 for sha256 in digests if _SHA256.fullmatch(sha256)}


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


def _since(
    connection: SqliteConnection, subjects: Sequence[str], found: FoundEvents
) -> Iterator[int]:
    """Events about subjects that were published after they were looked for, erased or not."""
    marks = ", ".join("?" * len(subjects))
    for identifier, end in connection.execute("SELECT id, next_offset FROM partitions").fetchall():
        base = identifier << OFFSET_BITS
        rows = connection.execute(
            "SELECT position FROM events WHERE position >= ? AND position < ? "
            f"AND correlationid IN ({marks})",
            (base + found.ends.get(identifier, 0), base + end, *subjects),
        )
        yield from (position for (position,) in rows.fetchall())


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


def in_flight(connection: SqliteConnection, subjects: Sequence[str], found: FoundEvents) -> bool:
    """Whether a living worker may have one of these events, or of those that were published since,
    as it was before it was erased: its group is not done with it."""
    for position in (*found.positions, *_since(connection, subjects, found)):
        partition, offset = position >> OFFSET_BITS, position & (1 << OFFSET_BITS) - 1
        row = connection.execute(
            "SELECT 1 FROM group_partitions AS held WHERE partition_id = ? AND position <= ? "
            "AND owner IS NOT NULL AND lease_until > ? AND NOT EXISTS ("
            "SELECT 1 FROM group_completed AS done WHERE done.group_id = held.group_id "
            "AND done.partition_id = held.partition_id AND done.offset = ?)",
            (partition, offset, now_us(), offset),
        ).fetchone()
        if row is not None:
            return True
    return False
