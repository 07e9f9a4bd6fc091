"""Rebuilds the tables of projections from the ledger and the objects."""

from __future__ import annotations

from itertools import islice

from lineal.lineage.ledger import all_steps
from lineal.lineage.projections import project, projected_tables
from lineal.store.connection import Connection

_BATCH_SIZE = 1_000


def rebuild(connection: Connection) -> int:
    """Empty the tables that are made from records, and fill them from all steps.

    Returns:
        How many steps there were.
    """
    for table in projected_tables(derived=True):
        connection.dialect.recreate(connection, table)
    count = 0
    steps = all_steps(connection)
    while batch := list(islice(steps, _BATCH_SIZE)):
        project(connection, batch)
        count += len(batch)
    return count
