"""Columns for what is removed, done or claimed, and swept later."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
ALTER TABLE gathering ADD COLUMN done_by TEXT;
ALTER TABLE gathering ADD COLUMN done_at INTEGER;
CREATE INDEX gathering_by_end ON gathering (done_at) WHERE done_at IS NOT NULL;
ALTER TABLE state ADD COLUMN removed INTEGER;
CREATE INDEX state_by_removal ON state (removed) WHERE removed IS NOT NULL;
ALTER TABLE timers ADD COLUMN claimed_by TEXT;
ALTER TABLE timers ADD COLUMN claimed_until INTEGER;
"""


def migrate(connection: Connection) -> None:
    """Add them."""
    connection.dialect.define(connection, _CHANGES)
