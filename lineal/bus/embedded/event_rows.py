"""Events as rows: position = partition id << 40 | offset; a partition is one run of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineal.store.rows import insert_rows
from lineal.store.sqlite import SqliteConnection
from lineal_schemas.envelope import RawEvent

OFFSET_BITS = 40
"""Of a position that are the offset; those above are the id of the partition."""
_FIELDS = tuple(name for name in RawEvent._fields if name != "mark")
"""Nobody else writes to this bus: there is nothing to mark."""
_COLUMNS = ", ".join(_FIELDS)
_COUNT = len(_FIELDS)


def append_events(
    connection: SqliteConnection,
    counts: Mapping[int, int],
    events: Sequence[tuple[int, int, RawEvent]],
) -> dict[int, int]:
    """Append events, given as (partition id, index among those of the partition, event).

    Returns the offset that index 0 got in each partition.
    """
    firsts = {}
    for identifier, count in counts.items():
        (end,) = connection.execute(
            "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ? "
            "RETURNING next_offset",
            (count, identifier),
        ).fetchone()
        firsts[identifier] = end - count
    insert_rows(
        connection,
        "INSERT INTO events",
        [
            ((identifier << OFFSET_BITS) + firsts[identifier] + index, *event[:_COUNT])
            for identifier, index, event in events
        ],
    )
    return firsts


def read_events(
    connection: SqliteConnection,
    partition_id: int,
    first: int,
    limit: int,
    to_offset: int | None = None,
    *,
    key: str | None = None,
    from_time: int | None = None,
) -> list[tuple[int, RawEvent]]:
    """Up to ``limit`` events of a partition from an offset on, with their offsets; of all, or of
    those of a key and not before a time."""
    base = partition_id << OFFSET_BITS
    end = base + (1 << OFFSET_BITS if to_offset is None else to_offset)
    rows = connection.execute(
        f"SELECT position, {_COLUMNS} FROM events WHERE position >= ? AND position < ?"
        + (" AND partitionkey = ?" if key is not None else "")
        + (" AND time >= ?" if from_time is not None else "")
        + " ORDER BY position LIMIT ?",
        [base + first, end, *(each for each in (key, from_time) if each is not None), limit],
    )
    return [(row[0] - base, RawEvent(*row[1:])) for row in rows]


def partition_ids(connection: SqliteConnection, topic: str) -> list[int]:
    """A topic's partition ids in the order of their numbers; empty if there is no such topic."""
    rows = connection.execute(
        "SELECT partitions.id FROM partitions JOIN topics ON topics.id = topic "
        "WHERE topics.name = ? ORDER BY number",
        (topic,),
    )
    return [identifier for (identifier,) in rows]


def partition_ends(connection: SqliteConnection, topic: str) -> list[tuple[int, int]]:
    """A topic's partition ids, each with the offset its next event will get."""
    return connection.execute(
        "SELECT partitions.id, next_offset FROM partitions JOIN topics ON topics.id = topic "
        "WHERE topics.name = ?",
        (topic,),
    ).fetchall()


def first_offset_since(
    connection: SqliteConnection, partition_id: int, time: int, first: int, end: int
) -> int:
    """The offset of a partition's first event not before a time, of those from ``first`` up to
    ``end``; ``end`` if there is none."""
    base = partition_id << OFFSET_BITS
    low, high = first, end
    # Events are appended in the order of their time but for clock steps: a bisection finds the
    # place without an index that every insert would have to keep up.
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT position, time FROM events WHERE position >= ? AND position < ? "
            "ORDER BY position LIMIT 1",
            (base + middle, base + high),
        ).fetchone()
        if row is None or row[1] >= time:
            high = middle
        else:
            low = row[0] - base + 1
    return low


def delete_events(connection: SqliteConnection, partition_id: int, first: int, end: int) -> int:
    """Delete the events from ``first`` up to, not including, ``end``; returns how many."""
    base = partition_id << OFFSET_BITS
    return connection.execute(
        "DELETE FROM events WHERE position >= ? AND position < ?", (base + first, base + end)
    ).rowcount
