"""What settlements change in the store, on a bus whose ledger is written as they are settled."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.protocol import Settlement
from lineal.effects.effect import apply
from lineal.lineage.ledger import Ledger
from lineal.store.connection import Connection


def apply_to_store(
    connection: Connection, ledger: Ledger, settlements: Sequence[Settlement]
) -> None:
    """Effects and records, in the caller's transaction."""
    apply(connection, [effect for settlement in settlements for effect in settlement.effects])
    records = [s.record for s in settlements if s.record is not None]
    if records:
        ledger.append(connection, records)
