"""Who holds a claim on a name within a stage."""

from __future__ import annotations

from lineal.store.connection import Connection


def holder_of(connection: Connection, stage: str, name: str) -> str | None:
    """Id of the event that holds a name in a stage."""
    row = connection.execute(
        "SELECT event_id FROM claims WHERE stage = ? AND name = ?", (stage, name)
    ).fetchone()
    return None if row is None else row[0]
