"""Record batches (format v2), and sending them to the leaders of their partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from lineal.concurrency import gather_all
from lineal.kafka_client import errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import RetriableError
from lineal.kafka_client.requests import PRODUCE
from lineal.kafka_client.timestamps import rejected_timestamps

_MAGIC = 2
_UNCOMPRESSED = 0
_BATCH_BYTES = 512 * 1024
_ACKS_ALL = -1
_SEQUENCE_MODULUS = 1 << 31

Header = tuple[str, bytes]


class BatchPosition(NamedTuple):
    """The index of a record in its batch."""

    topic_partition: TopicPartition
    batch: int
    """Which batch of the partition."""
    number: int
    """Which record of the batch."""


class ProducerId(NamedTuple):
    """What brokers know a producer by (KIP-98). The epoch grows with every successor."""

    id: int
    epoch: int


class _Batch:
    __slots__ = ("builder", "count")

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self.count = 0


class RecordBatches:
    """Records for any number of partitions; those of one keep their order."""

    def __init__(self, *, transactional: bool) -> None:
        self._transactional = transactional
        self._batches: dict[TopicPartition, list[_Batch]] = {}

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        return list(self._batches)

    def append(
        self,
        topic_partition: TopicPartition,
        key: bytes | None,
        value: bytes,
        headers: list[Header],
        time_ms: int,
    ) -> BatchPosition:
        """Append a record to a partition.

        Args:
            time_ms: milliseconds since the Unix epoch.
        """
        batches = self._batches.get(topic_partition)
        if batches is None:
            batches = self._batches[topic_partition] = [_Batch(self._builder())]
        batch = batches[-1]
        number = batch.count
        if batch.builder.append(number, time_ms, key, value, headers) is None:
            batch = _Batch(self._builder())
            batches.append(batch)
            number = 0
            batch.builder.append(0, time_ms, key, value, headers)
        batch.count = number + 1
        return BatchPosition(topic_partition, len(batches) - 1, number)

    def _builder(self) -> Any:
        return DefaultRecordBatchBuilder(
            _MAGIC, _UNCOMPRESSED, is_transactional=self._transactional, producer_id=-1,
            producer_epoch=-1, base_sequence=0, batch_size=_BATCH_BYTES,
        )  # fmt: skip

    def encode(
        self, producer: ProducerId, sequences: dict[TopicPartition, int]
    ) -> list[dict[TopicPartition, bytes]]:
        """The batches as bytes, in rounds: a Produce request takes one batch of a partition.

        Args:
            sequences: the next sequence number of each partition; moved on.
        """
        rounds: list[dict[TopicPartition, bytes]] = []
        for topic_partition, batches in self._batches.items():
            for number, batch in enumerate(batches):
                sequence = sequences.get(topic_partition, 0)
                batch.builder.set_producer_state(producer.id, producer.epoch, sequence)
                sequences[topic_partition] = (sequence + batch.count) % _SEQUENCE_MODULUS
                if number == len(rounds):
                    rounds.append({})
                rounds[number][topic_partition] = batch.builder.build()
        return rounds


async def produce(
    connection: Connection,
    batches: dict[TopicPartition, bytes],
    transactional_id: str | None,
    *,
    seconds: float,
    lane: str,
) -> dict[TopicPartition, int]:
    """Send one batch per partition with ``acks=all``; returns their base offsets.

    Sent again until every partition has answered: brokers recognise the producer's sequence
    numbers, so nothing is stored twice (KIP-98).

    Raises:
        RetriableError: some may be stored, some not.
        ClockAhead, RecordsRejected, KafkaUnavailable
    """
    offsets: dict[TopicPartition, int] = {}

    async def send(node: int, partitions: list[TopicPartition]) -> None:
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for topic_partition in partitions:
            batch = batches[topic_partition]
            topics.setdefault(topic_partition.topic, []).append((topic_partition.partition, batch))
        request = PRODUCE(transactional_id, _ACKS_ALL, round(seconds * 1000), list(topics.items()))
        answer = await connection.send(node, request, lane)
        for topic, results in answer[0]:
            for partition, code, base_offset, _, _, record_errors, message in results:
                if code == errors.INVALID_TIMESTAMP:
                    texts = [text for _, text in record_errors]
                    raise rejected_timestamps(f"storing records of {topic}", texts)
                if code == errors.DUPLICATE_SEQUENCE_NUMBER:
                    code = errors.NONE
                errors.check(code, f"storing records of {topic} ({message or 'no message'})")
                offsets[TopicPartition(topic, partition)] = base_offset

    async def attempt() -> None:
        leaders = connection.by_leader(tp for tp in batches if tp not in offsets)
        await gather_all(send(node, partitions) for node, partitions in leaders.items())

    await connection.retry(attempt, seconds)
    if len(offsets) != len(batches):
        raise RetriableError("Kafka has not answered for all partitions")
    return offsets
