"""The table of events that groups have handled."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE seen_events (
    group_name TEXT NOT NULL,
    event BLOB NOT NULL,
    position TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_name, event)
) WITHOUT ROWID;
CREATE INDEX seen_events_by_time ON seen_events (at);
"""


def migrate(connection: Connection) -> None:
    """Make it."""
    connection.dialect.define(connection, _CHANGES)
