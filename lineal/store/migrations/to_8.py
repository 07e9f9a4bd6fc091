"""The table of events that wait until an earlier one of their key is redriven or dropped."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE waiting_events (
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    position TEXT NOT NULL,
    released TEXT,
    released_at INTEGER,
    PRIMARY KEY (stage, key, source, event_id)
) WITHOUT ROWID;
CREATE INDEX waiting_events_in_order ON waiting_events (stage, key, seq) WHERE released IS NULL;
CREATE INDEX waiting_events_by_release ON waiting_events (released_at)
    WHERE released_at IS NOT NULL;
"""


def migrate(connection: Connection) -> None:
    """Make it."""
    connection.dialect.define(connection, _CHANGES)
