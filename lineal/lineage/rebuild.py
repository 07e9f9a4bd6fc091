"""Making the metadata tables again from the ledger and the objects."""

from __future__ import annotations

from itertools import islice

from lineal.lineage.ledger import all_records
from lineal.lineage.metadata import project
from lineal.store.connection import Connection
from lineal.store.tables import DERIVED

_AT_ONCE = 1_000


def rebuild(connection: Connection) -> int:
    """Drop the derived tables and fill them from all records; returns how many there were."""
    for table in DERIVED:
        connection.dialect.recreate(connection, table)
    count = 0
    records = iter(all_records(connection))
    while batch := list(islice(records, _AT_ONCE)):
        project(connection, batch)
        count += len(batch)
    return count
