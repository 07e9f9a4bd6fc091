"""What settlements change in the store, on a bus whose ledger is written as they are settled."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.protocol import Settlement
from lineal.lineage.ledger import Ledger
from lineal.store.connection import Connection
from lineal.store.memo import keep_memos, tell_changed


def apply_to_store(
    connection: Connection, ledger: Ledger, settlements: Sequence[Settlement]
) -> None:
    """Writes, memos and records, in the caller's transaction."""
    for settlement in settlements:
        for write in (*settlement.writes, *settlement.cleanups):
            write(connection)
    tell_changed(keep_memos(connection, [s.memo for s in settlements if s.memo is not None]))
    records = [s.record for s in settlements if s.record is not None]
    if records:
        ledger.append(connection, records)
