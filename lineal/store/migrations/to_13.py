"""The tables of users, API tokens and sessions, and the column of an event that says who sent it,
on the embedded bus."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE api_tokens (
    token_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_name TEXT,
    acts TEXT NOT NULL,
    types TEXT,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) WITHOUT ROWID;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    user_name TEXT,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_name);
"""


def migrate(connection: Connection) -> None:
    """Make them; a store in Postgres has no events."""
    connection.dialect.define(connection, _CHANGES)
    if connection.dialect.name == "sqlite":
        connection.execute("ALTER TABLE events ADD COLUMN actor TEXT")
