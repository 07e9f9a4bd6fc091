"""Deleting what was kept only for an event that might be handled again."""

from __future__ import annotations

from lineal.effects.waiting import sweep_released
from lineal.store.connection import Connection


def sweep(connection: Connection, older_than: int) -> int:
    """Delete removed keys of state, the parts of handled groups, and what no longer waits; returns
    how many rows.

    Args:
        older_than: microseconds since the Unix epoch.
    """
    state = connection.execute("DELETE FROM state WHERE removed < ?", (older_than,)).rowcount
    parts = connection.execute("DELETE FROM gathering WHERE done_at < ?", (older_than,)).rowcount
    return state + parts + sweep_released(connection, older_than)
