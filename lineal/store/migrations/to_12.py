"""The table of which document is attached to which, of the projection of documents."""

from __future__ import annotations

from lineal.store.connection import Connection

_TABLE = """
CREATE TABLE attachments (
    parent_id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    attached INTEGER NOT NULL,
    PRIMARY KEY (parent_id, document_id)
) WITHOUT ROWID;
CREATE INDEX attachments_by_document ON attachments (document_id);
"""


def migrate(connection: Connection) -> None:
    """Make it: no document of an earlier lineal was attached to another."""
    connection.dialect.define(connection, _TABLE)
