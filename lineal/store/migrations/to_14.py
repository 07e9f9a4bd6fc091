"""The table of the keys that events on a shared broker are marked with."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE mark_keys (
    key_id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
"""


def migrate(connection: Connection) -> None:
    """Make it."""
    connection.dialect.define(connection, _CHANGES)
