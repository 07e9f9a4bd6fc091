"""The tables of who decides about a dead letter just now, and of outputs to be published."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE dead_letter_claims (
    event_id TEXT PRIMARY KEY,
    letter_time INTEGER NOT NULL,
    claimant TEXT NOT NULL,
    claimed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE outbox (
    batch TEXT NOT NULL,
    group_name TEXT NOT NULL,
    at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    key_number INTEGER NOT NULL,
    published INTEGER NOT NULL,
    nonce TEXT,
    event BLOB NOT NULL,
    PRIMARY KEY (batch, published)
) WITHOUT ROWID;
"""


def migrate(connection: Connection) -> None:
    """Make them."""
    connection.dialect.define(connection, _CHANGES)
