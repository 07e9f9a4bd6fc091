"""Deletes events older than the retention that every group has handled."""

from __future__ import annotations

from lineal.bus.embedded.event_rows import delete_events, first_offset_since
from lineal.store.sqlite import SqliteConnection
from lineal_schemas.envelope import now_us


def remove_expired(connection: SqliteConnection) -> int:
    """Remove events past their topic's retention; returns how many."""
    removed = 0
    rows = connection.execute(
        "SELECT partitions.id, first_offset, next_offset, retention_seconds, "
        "(SELECT min(position) FROM group_partitions WHERE partition_id = partitions.id) "
        "FROM partitions JOIN topics ON topics.id = topic WHERE retention_seconds IS NOT NULL"
    ).fetchall()
    for identifier, first, end, retention, slowest in rows:
        oldest = now_us() - retention * 1_000_000
        limit = first_offset_since(connection, identifier, oldest, first, end)
        keep_from = limit if slowest is None else min(limit, slowest)
        if keep_from <= first:
            continue
        removed += delete_events(connection, identifier, first, keep_from)
        connection.execute(
            "UPDATE partitions SET first_offset = ? WHERE id = ?", (keep_from, identifier)
        )
    return removed
