"""Records and memos as messages, on their way to the store.

They are part of the transaction of the step, on a topic of one partition: a step reads an event
only after the transaction with its record is committed, so the order on the topic is causal. A
message holds those of a whole batch of settlements, as frames: a letter for the kind, the length
as four bytes, big-endian, and the content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from lineal.bus.protocol import Settlement
from lineal.lineage.record import Record
from lineal.store.memo import Memo

MOST_BYTES = 900_000
"""Of a message; one larger record is a message of its own. Brokers take 1 MiB by default."""

_RECORD, _MEMO = b"r", b"m"
_HEAD = struct.Struct(">cI")


def lineage_messages(settlements: Sequence[Settlement]) -> list[bytes]:
    """What is to be kept of settlements: their records in order, then their memos."""
    return _messages(
        [s.record for s in settlements if s.record is not None],
        [s.memo for s in settlements if s.memo is not None],
    )


def record_messages(records: Sequence[Record]) -> list[bytes]:
    """Records alone."""
    return _messages(records, ())


def read_message(message: bytes) -> tuple[list[bytes], list[Memo]]:
    """The canonical records and the memos of a message.

    Raises:
        ValueError: it is none.
    """
    records, memos = [], []
    begin, ends = 0, len(message)
    unpack = _HEAD.unpack_from
    while begin < ends:
        content_at = begin + _HEAD.size
        if content_at > ends:
            raise ValueError("a frame of lineage is cut off")
        kind, length = unpack(message, begin)
        begin = content_at + length
        if begin > ends:
            raise ValueError("a frame of lineage is cut off")
        content = message[content_at:begin]
        if kind == _RECORD:
            records.append(content)
        elif kind == _MEMO:
            step_ends = 1 + content[0]
            memos.append(Memo(content[1:step_ends], content[step_ends:]))
        else:
            raise ValueError(f"lineage of an unknown kind: {kind!r}")
    return records, memos


def _messages(records: Iterable[Record], memos: Iterable[Memo]) -> list[bytes]:
    messages = []
    frames: list[bytes] = []
    size = 0
    for frame in _frames(records, memos):
        if frames and size + len(frame) > MOST_BYTES:
            messages.append(b"".join(frames))
            frames, size = [], 0
        frames.append(frame)
        size += len(frame)
    if frames:
        messages.append(b"".join(frames))
    return messages


def _frames(records: Iterable[Record], memos: Iterable[Memo]) -> Iterator[bytes]:
    pack = _HEAD.pack
    for record in records:
        canonical = record.canonical()
        yield pack(_RECORD, len(canonical)) + canonical
    for step, outputs in memos:
        head = pack(_MEMO, 1 + len(step) + len(outputs))
        yield b"".join((head, bytes((len(step),)), step, outputs))
