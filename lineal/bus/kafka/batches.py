"""Messages packed into batches, and batches handed to the brokers that lead their partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from lineal.bus.kafka import errors
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import TryAgain
from lineal.bus.kafka.requests import PRODUCE
from lineal.side_by_side import all_of

_MAGIC = 2
_UNCOMPRESSED = 0
_BATCH_BYTES = 512 * 1024
_ACKS_ALL = -1
_MOST_SEQUENCE = 1 << 31

Header = tuple[str, bytes]
Place = tuple[TopicPartition, int, int]
"""Where a message stands in what is being sent: which batch of its partition, and where in that."""


class Producer(NamedTuple):
    """What brokers know a producer by. Its epoch grows with every successor."""

    id: int
    epoch: int


class _Batch:
    __slots__ = ("builder", "count")

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self.count = 0


class Batches:
    """Messages for any number of partitions; those of one keep their order."""

    def __init__(self, *, transactional: bool) -> None:
        self._transactional = transactional
        self._parts: dict[TopicPartition, list[_Batch]] = {}

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        return list(self._parts)

    def add(
        self,
        partition: TopicPartition,
        key: bytes | None,
        value: bytes,
        headers: list[Header],
        time_ms: int,
    ) -> Place:
        """Append a message to a partition."""
        batches = self._parts.get(partition)
        if batches is None:
            batches = self._parts[partition] = [_Batch(self._builder())]
        batch = batches[-1]
        number = batch.count
        if batch.builder.append(number, time_ms, key, value, headers) is None:
            batch = _Batch(self._builder())
            batches.append(batch)
            number = 0
            batch.builder.append(0, time_ms, key, value, headers)
        batch.count = number + 1
        return partition, len(batches) - 1, number

    def _builder(self) -> Any:
        return DefaultRecordBatchBuilder(
            _MAGIC, _UNCOMPRESSED, is_transactional=self._transactional, producer_id=-1,
            producer_epoch=-1, base_sequence=0, batch_size=_BATCH_BYTES,
        )  # fmt: skip

    def sealed(
        self, producer: Producer, sequences: dict[TopicPartition, int]
    ) -> list[dict[TopicPartition, bytes]]:
        """The batches as bytes, in rounds: a request takes one batch of a partition.

        Args:
            sequences: how many messages each partition has had of this producer; counted on.
        """
        rounds: list[dict[TopicPartition, bytes]] = []
        for partition, batches in self._parts.items():
            for number, batch in enumerate(batches):
                sequence = sequences.get(partition, 0)
                batch.builder.set_producer_state(producer.id, producer.epoch, sequence)
                sequences[partition] = (sequence + batch.count) % _MOST_SEQUENCE
                if number == len(rounds):
                    rounds.append({})
                rounds[number][partition] = batch.builder.build()
        return rounds


async def send_round(
    connection: Connection,
    batches: dict[TopicPartition, bytes],
    transactional_id: str | None,
    *,
    seconds: float,
    lane: str,
) -> dict[TopicPartition, int]:
    """Have one batch per partition stored by all replicas in sync; returns their first offsets.

    Sent again until it is certain: the brokers know the producer's sequence numbers, so nothing is
    stored twice.

    Raises:
        TryAgain: some may be stored, some not.
        CannotStore, BusUnavailable
    """
    offsets: dict[TopicPartition, int] = {}

    async def send(node: int, partitions: list[TopicPartition]) -> None:
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for place in partitions:
            topics.setdefault(place.topic, []).append((place.partition, batches[place]))
        request = PRODUCE(transactional_id, _ACKS_ALL, round(seconds * 1000), list(topics.items()))
        answer = await connection.send(node, request, lane)
        for topic, results in answer[0]:
            for partition, code, base_offset, *_, message in results:
                if code == errors.DUPLICATE_SEQUENCE_NUMBER:
                    code = errors.NONE
                errors.check(code, f"storing messages of {topic} ({message or 'no more is said'})")
                offsets[TopicPartition(topic, partition)] = base_offset

    async def attempt() -> None:
        by_node: dict[int, list[TopicPartition]] = {}
        for place in batches:
            if place not in offsets:
                by_node.setdefault(connection.leader(place), []).append(place)
        await all_of(send(node, partitions) for node, partitions in by_node.items())

    await connection.persist(attempt, seconds)
    if len(offsets) != len(batches):
        raise TryAgain("Kafka has not answered for all partitions")
    return offsets
