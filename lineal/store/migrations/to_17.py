"""The table of the installation's secrets."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE store_secrets (
    purpose TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
"""


def migrate(connection: Connection) -> None:
    """Make it."""
    connection.dialect.define(connection, _CHANGES)
