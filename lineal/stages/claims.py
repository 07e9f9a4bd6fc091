"""Claims: what only the first of several events may do, kept across restarts."""

from __future__ import annotations

from lineal.bus.protocol import Write
from lineal.store.connection import Connection


def holder_of(connection: Connection, stage: str, name: str) -> str | None:
    """Id of the event that holds a name in a stage."""
    row = connection.execute(
        "SELECT event_id FROM claims WHERE stage = ? AND name = ?", (stage, name)
    ).fetchone()
    return None if row is None else row[0]


def claim(stage: str, name: str, event_id: str) -> Write:
    """Keep a claim; whoever came first keeps it for good."""

    def write(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO claims (stage, name, event_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (stage, name, event_id),
        )

    return write
