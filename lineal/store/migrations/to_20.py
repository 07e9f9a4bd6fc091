"""State knows what each of the events has found that were committed together."""

from __future__ import annotations

from lineal.store.connection import Connection


def migrate(connection: Connection) -> None:
    """Add the column; rows of before are of one event each."""
    connection.dialect.define(connection, "ALTER TABLE state ADD COLUMN found BLOB;")
