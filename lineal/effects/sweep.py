"""Deletes rows that were kept only in case an event is delivered again."""

from __future__ import annotations

from lineal.effects.letter_claims import sweep_claims
from lineal.effects.retries import sweep_retries
from lineal.effects.waiting import sweep_released
from lineal.store.connection import Connection


def sweep(connection: Connection, older_than: int) -> int:
    """Delete removed keys of state, the parts of handled groups, what no longer waits, what was
    tried again, and claims on dead letters; returns how many rows.

    Args:
        older_than: microseconds since the Unix epoch.
    """
    state = connection.execute("DELETE FROM state WHERE removed < ?", (older_than,)).rowcount
    done = "DELETE FROM fan_in_groups WHERE done_at < ?"
    parts = connection.execute(done, (older_than,)).rowcount
    letters = sweep_claims(connection, older_than)
    waited = sweep_released(connection, older_than) + sweep_retries(connection, older_than)
    return state + parts + letters + waited
