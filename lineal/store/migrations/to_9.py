"""The column of an event that says which older one it takes the place of, on the embedded bus."""

from __future__ import annotations

from lineal.store.connection import Connection


def migrate(connection: Connection) -> None:
    """Add it; a store in Postgres has no events."""
    if connection.dialect.name == "sqlite":
        connection.execute("ALTER TABLE events ADD COLUMN supersedes TEXT")
