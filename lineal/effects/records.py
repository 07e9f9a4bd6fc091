"""A lineage record, appended to the ledger.

Unlike other effects it is no change of a key: whoever applies it must know that it was not applied
before, by its position on the topic that brings it or by a transaction shared with the bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.lineage.ledger import Ledger
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class LineageRecord(Effect):
    """A record's canonical bytes."""

    kind: ClassVar[str] = "record"
    read_by_others: ClassVar[bool] = False
    last: ClassVar[bool] = True

    canonical: bytes


def _apply(connection: Connection, records: Sequence[LineageRecord]) -> None:
    Ledger().append_canonical(connection, [record.canonical for record in records])


register(_apply, LineageRecord)
