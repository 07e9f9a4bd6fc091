"""The table of events that are tried again after a delay."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE delayed_retries (
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    first_position TEXT NOT NULL,
    position TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    delays INTEGER NOT NULL,
    delayed INTEGER NOT NULL,
    due INTEGER NOT NULL,
    ending TEXT,
    ended INTEGER,
    PRIMARY KEY (stage, source, event_id)
) WITHOUT ROWID;
CREATE INDEX delayed_retries_by_end ON delayed_retries (ended) WHERE ended IS NOT NULL;
CREATE INDEX delayed_retries_by_due ON delayed_retries (due);
CREATE TABLE open_circuits (
    dependency TEXT NOT NULL,
    worker TEXT NOT NULL,
    stages TEXT NOT NULL,
    opened INTEGER NOT NULL,
    next_call INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (dependency, worker)
) WITHOUT ROWID;
"""


def migrate(connection: Connection) -> None:
    """Make it, and that of open circuits."""
    connection.dialect.define(connection, _CHANGES)
