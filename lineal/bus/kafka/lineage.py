"""Records and memo entries as messages, on their way to the store.

They are part of the transaction of the step, on a topic of one partition: a step reads an event
only after the transaction with its record is committed, so the order on the topic is causal. A
message holds those of a whole batch of settlements, as :mod:`lineal.effects.codec` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lineal.bus.protocol import Settlement
from lineal.effects.codec import decode, frame
from lineal.effects.effect import Effect
from lineal.effects.memo import MemoEntry
from lineal.effects.records import LineageRecord
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.record import Record, merge_records

MOST_BYTES = 900_000
"""Of a message; one larger record is a message of its own. Brokers take 1 MiB by default."""
_MAX_RECORD_BYTES = MOST_BYTES - 16
"""Beside it there is the frame's head."""


def lineage_messages(settlements: Sequence[Settlement]) -> list[bytes]:
    """What is to be kept of settlements: their records in order, then their memo entries."""
    return _messages(
        [
            *_records(s.record for s in settlements if s.record is not None),
            *(e for s in settlements for e in s.effects if isinstance(e, MemoEntry)),
        ]
    )


def record_messages(records: Sequence[Record]) -> list[bytes]:
    """Records alone."""
    return _messages(_records(records))


def read_message(message: bytes) -> tuple[list[bytes], list[MemoEntry]]:
    """The canonical records and the memo entries of a message.

    Raises:
        ValueError: it is none.
    """
    records, memos = [], []
    for effect in decode(message):
        if isinstance(effect, LineageRecord):
            records.append(effect.canonical)
        elif isinstance(effect, MemoEntry):
            memos.append(effect)
        else:
            raise ValueError(f"a lineage message has an effect of the kind {effect.kind!r}")
    return records, memos


def _records(records: Iterable[Record]) -> Iterator[LineageRecord]:
    for record in merge_records(records):
        yield from _fitting(record)


def _fitting(record: Record) -> Iterator[LineageRecord]:
    """A record, or several of its steps if together they are too large for a message."""
    canonical = canonical_bytes(record)
    half = len(record.steps) // 2
    if half and len(canonical) > _MAX_RECORD_BYTES:
        yield from _fitting(record.part(0, half))
        yield from _fitting(record.part(half, len(record.steps)))
    else:
        yield LineageRecord(canonical)


def _messages(effects: Iterable[Effect]) -> list[bytes]:
    messages = []
    frames: list[bytes] = []
    size = 0
    for part in map(frame, effects):
        if frames and size + len(part) > MOST_BYTES:
            messages.append(b"".join(frames))
            frames, size = [], 0
        frames.append(part)
        size += len(part)
    if frames:
        messages.append(b"".join(frames))
    return messages
