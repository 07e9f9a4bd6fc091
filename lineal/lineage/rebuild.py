"""Making the metadata tables again from the ledger and the objects."""

from __future__ import annotations

from lineal.lineage.ledger import all_records
from lineal.lineage.metadata import project
from lineal.store.connection import Connection
from lineal.store.tables import DERIVED


def rebuild(connection: Connection) -> int:
    """Drop the derived tables and fill them from all records; returns how many there were."""
    for table in DERIVED:
        connection.dialect.recreate(connection, table)
    count = 0
    for record in all_records(connection):
        project(connection, record)
        count += 1
    return count
