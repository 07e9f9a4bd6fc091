"""Making the metadata tables again from the ledger and the objects."""

from __future__ import annotations

import sqlite3

from lineal.lineage.ledger import all_records
from lineal.lineage.metadata import project
from lineal.store.tables import recreate_derived


def rebuild(connection: sqlite3.Connection) -> int:
    """Drop the derived tables and fill them from all records; returns how many there were."""
    recreate_derived(connection)
    count = 0
    for record in all_records(connection):
        project(connection, record)
        count += 1
    return count
