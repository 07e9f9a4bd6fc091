"""How many records a read_committed consumer would get from a range of offsets.

Offsets do not say it: the end of each transaction takes one for its marker, aborted records and
compacted ones keep theirs. Record batches say it in their headers (format v2), so that they are
fetched and not decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch

from lineal.concurrency import gather_all
from lineal.kafka_client import errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.requests import FETCH

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, two timestamps,
producer id, producer epoch, base sequence, number of records."""
_LENGTH_AT = 12
"""Bytes of a batch before the part whose length its header gives."""
_MAGIC = 2
_TRANSACTIONAL, _CONTROL = 0x10, 0x20
_READ_COMMITTED = 1
_PARTITION_BYTES = 1 << 20
_SECONDS = 10.0


class _Batch(NamedTuple):
    base_offset: int
    next_offset: int
    records: int
    data: bytes


class RecordCounts:
    """The committed records of a range of offsets of one partition."""

    def __init__(self, start: int, end: int) -> None:
        self._position = start
        self._end = end
        self._batches: list[_Batch] = []
        self._aborted: set[int] = set()

    @property
    def position(self) -> int:
        """Everything of the range below is known."""
        return self._position

    @property
    def complete(self) -> bool:
        return self._position >= self._end

    def since(self, offset: int) -> int:
        """How many records of the range have ``offset`` or a greater one."""
        return sum(
            batch.records if batch.base_offset >= offset else _count_from(batch, offset)
            for batch in self._batches
            if batch.next_offset > offset
        )

    def add(self, data: bytes, aborted: Iterable[tuple[int, int]]) -> None:
        """Take note of what a fetch at :attr:`position` brought.

        Args:
            data: record batches; the last may be cut off.
            aborted: producer id and first offset of the aborted transactions among them.
        """
        ahead = sorted(((first, producer_id) for producer_id, first in aborted), reverse=True)
        at = 0
        while at + _HEADER.size <= len(data) and not self.complete:
            base, length, _, magic, _, attributes, delta, _, _, producer_id, _, _, count = (
                _HEADER.unpack_from(data, at)
            )
            batch_ends = at + _LENGTH_AT + length
            if batch_ends > len(data) or magic != _MAGIC:
                return
            next_offset = base + delta + 1
            while ahead and ahead[-1][0] < next_offset:
                self._aborted.add(ahead.pop()[1])
            if attributes & _CONTROL:
                # Of a producer with an aborted transaction it is the marker that ends it.
                self._aborted.discard(producer_id)
            elif not (attributes & _TRANSACTIONAL and producer_id in self._aborted):
                self._batches.append(_Batch(base, next_offset, count, data[at:batch_ends]))
            self._position = next_offset
            at = batch_ends


def _count_from(batch: _Batch, offset: int) -> int:
    return sum(record.offset >= offset for record in DefaultRecordBatch(batch.data))


async def count_records(
    connection: Connection, ranges: Mapping[TopicPartition, tuple[int, int]], max_bytes: int
) -> dict[TopicPartition, RecordCounts]:
    """Count the records of ranges (first offset, offset after the last) that end where no open
    transaction holds anything back.

    Args:
        max_bytes: about how much is fetched; ranges that are not complete then are left out.

    Raises:
        KafkaUnavailable
    """
    counts = {tp: RecordCounts(start, end) for tp, (start, end) in ranges.items()}
    fetched = 0

    async def fetch(node: int, partitions: list[TopicPartition]) -> bool:
        nonlocal fetched
        topics: dict[str, list[tuple[int, int, int]]] = {}
        for tp in partitions:
            entry = tp.partition, counts[tp].position, _PARTITION_BYTES
            topics.setdefault(tp.topic, []).append(entry)
        left = max(1, max_bytes - fetched)
        request = FETCH(-1, 0, 0, left, _READ_COMMITTED, list(topics.items()))
        answer = await connection.send(node, request, "counting")
        progress = False
        for topic, results in answer[1]:
            for partition, code, _, _, aborted, data in results:
                if code == errors.OFFSET_OUT_OF_RANGE:
                    continue  # it expired meanwhile
                errors.check(code, f"counting records of {topic}")
                count = counts[TopicPartition(topic, partition)]
                before = count.position
                fetched += len(data or b"")
                count.add(data or b"", aborted or ())
                progress |= count.position > before
        return progress

    async def attempt() -> bool:
        leaders = connection.by_leader(tp for tp, count in counts.items() if not count.complete)
        return any(await gather_all(fetch(node, tps) for node, tps in leaders.items()))

    while not all(count.complete for count in counts.values()) and fetched < max_bytes:
        if not await connection.retry(attempt, _SECONDS):
            break
    return {tp: count for tp, count in counts.items() if count.complete}
