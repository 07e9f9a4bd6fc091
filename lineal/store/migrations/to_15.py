"""The parts of fan-in groups: the table and its column in the field's words."""

from __future__ import annotations

from lineal.store.connection import Connection

_CHANGES = """
DROP INDEX gathering_by_end;
ALTER TABLE gathering RENAME TO fan_in_groups;
ALTER TABLE fan_in_groups RENAME COLUMN whole TO group_id;
CREATE INDEX fan_in_groups_by_end ON fan_in_groups (done_at) WHERE done_at IS NOT NULL;
"""


def migrate(connection: Connection) -> None:
    """Rename them. Parts that wait for their group stay."""
    connection.dialect.define(connection, _CHANGES)
