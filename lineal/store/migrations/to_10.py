"""The tables of the log over the ledger; its tree is made by the next daemon."""

from __future__ import annotations

from lineal.store.connection import Connection

_TABLES = """
CREATE TABLE ledger_log (
    id INTEGER PRIMARY KEY,
    keys TEXT NOT NULL,
    size INTEGER NOT NULL,
    checkpoint TEXT,
    witnessed TEXT,
    owner TEXT,
    lease_until INTEGER NOT NULL
);
CREATE TABLE ledger_tiles (
    id INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL
);
"""


def migrate(connection: Connection) -> None:
    """Make them."""
    connection.dialect.define(connection, _TABLES)
