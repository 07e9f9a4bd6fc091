"""The ledger's index also leads to records by their events and actors."""

from __future__ import annotations

from lineal.store.connection import Connection


def migrate(connection: Connection) -> None:
    """Fill it again from all records."""
    # Loaded here: only the ledger knows what leads to a record.
    from lineal.lineage.index import rebuild_index

    rebuild_index(connection)
