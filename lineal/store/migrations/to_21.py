"""Indexes by which a list of very many documents is shown at once, and counted by kinds."""

from __future__ import annotations

from lineal.store.connection import Connection

_INDEXES = {
    "registry": "CREATE INDEX registry_by_time ON registry (registered DESC, document_id);",
    "search_facets": "CREATE INDEX search_facets_by_value ON search_facets (key, value);",
}


def migrate(connection: Connection) -> None:
    """Make them; a table that is not there yet is made with its own."""
    for table, index in _INDEXES.items():
        if connection.dialect.has_table(connection, table):
            connection.dialect.define(connection, index)
