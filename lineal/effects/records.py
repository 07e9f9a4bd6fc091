"""The effect of appending a lineage record to the ledger.

Unlike other effects it is not idempotent by key: the caller must know that it was not applied
before, from its position on the lineage topic or from a transaction shared with the bus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.lineage.canonical import canonical_bytes, parse_record
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Record, merge_records
from lineal.store.connection import Connection

_MAX_BYTES = 899_900
"""Of a record: together with the head of its frame it fits into an event of 900,000 bytes."""


@dataclass(frozen=True, slots=True)
class LineageRecord(Effect):
    """A record's canonical bytes."""

    kind: ClassVar[str] = "record"
    read_by_others: ClassVar[bool] = False
    last: ClassVar[bool] = True

    canonical: bytes
    parsed: Record | None = field(default=None, compare=False, repr=False)
    """The same record, where it need not be parsed."""


def lineage_records(records: Iterable[Record]) -> list[LineageRecord]:
    """Records as effects: adjacent ones of the same build, actor and worker become one."""
    return [effect for record in merge_records(records) for effect in _fitting(record)]


def _fitting(record: Record) -> Iterator[LineageRecord]:
    """A record, or several of its steps if together they are too large for a message."""
    canonical = canonical_bytes(record)
    half = len(record.steps) // 2
    if half and len(canonical) > _MAX_BYTES:
        yield from _fitting(record.part(0, half))
        yield from _fitting(record.part(half, len(record.steps)))
    else:
        yield LineageRecord(canonical, record)


def _apply(connection: Connection, records: Sequence[LineageRecord]) -> None:
    Ledger().append_with_bytes(
        connection,
        [(item.parsed or parse_record(item.canonical), item.canonical) for item in records],
    )


register(_apply, LineageRecord)
