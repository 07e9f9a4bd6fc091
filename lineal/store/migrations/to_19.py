"""Tokens may be bound to an owner of what they put in."""

from __future__ import annotations

from lineal.store.connection import Connection


def migrate(connection: Connection) -> None:
    """Add the column; tokens of before are bound to nobody."""
    connection.dialect.define(connection, "ALTER TABLE api_tokens ADD COLUMN owner TEXT;")
