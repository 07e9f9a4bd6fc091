"""Records and memo entries as messages, on their way to the store.

They are part of the transaction of the step, on a topic of one partition: a step reads an event
only after the transaction with its record is committed, so the order on the topic is causal. A
message holds those of a whole batch of settlements, as :mod:`lineal.effects.codec` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lineal.bus.protocol import Settlement
from lineal.effects.codec import decode, frame
from lineal.effects.effect import Effect
from lineal.effects.memo import MemoEntry
from lineal.effects.records import LineageRecord
from lineal.lineage.record import Record

MOST_BYTES = 900_000
"""Of a message; one larger record is a message of its own. Brokers take 1 MiB by default."""


def lineage_messages(settlements: Sequence[Settlement]) -> list[bytes]:
    """What is to be kept of settlements: their records in order, then their memo entries."""
    return _messages(
        [
            *(LineageRecord(s.record.canonical()) for s in settlements if s.record is not None),
            *(e for s in settlements for e in s.effects if isinstance(e, MemoEntry)),
        ]
    )


def record_messages(records: Sequence[Record]) -> list[bytes]:
    """Records alone."""
    return _messages(LineageRecord(record.canonical()) for record in records)


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
