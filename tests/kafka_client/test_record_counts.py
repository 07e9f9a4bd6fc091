"""Records are counted as a read_committed consumer gets them, on a real broker."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from lineal.kafka_client.connection import EARLIEST, LATEST, Connection
from lineal.kafka_client.record_counts import RecordCounts, count_records
from lineal_local.kafka import Kafka

PLENTY = 1 << 24


async def counts(connection: Connection, tp: TopicPartition) -> RecordCounts:
    first = await connection.list_offsets([tp], EARLIEST)
    ends = await connection.list_offsets([tp], LATEST, read_committed=True)
    return (await count_records(connection, {tp: (first[tp], ends[tp])}, PLENTY))[tp]


async def send(producer: AIOKafkaProducer, tp: TopicPartition, number: int) -> None:
    for _ in range(number):
        await producer.send_and_wait(tp.topic, b"x", partition=tp.partition)


async def test_markers_and_aborted_records_are_not_counted(
    kafka: Kafka, connection: Connection, partition: TopicPartition
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=partition.topic)
    async with producer:
        for _ in range(10):
            async with producer.transaction():
                await send(producer, partition, 1)
        for _ in range(3):
            await producer.begin_transaction()
            await send(producer, partition, 5)
            await producer.abort_transaction()
            async with producer.transaction():
                await send(producer, partition, 2)
        # Of the same producer, and still open: not there yet.
        await producer.begin_transaction()
        await send(producer, partition, 4)
        found = await counts(connection, partition)
        await producer.abort_transaction()
    assert found.since(0) == 16
    assert [found.since(offset) for offset in (1, 2, 18, 19, 20)] == [15, 15, 7, 6, 6]


@pytest.mark.parametrize("compression", [None, "zstd"])
async def test_a_range_may_begin_within_a_batch(
    kafka: Kafka, connection: Connection, partition: TopicPartition, compression: str | None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type=compression)
    async with producer:
        batch = producer.create_batch()
        for _ in range(20):
            batch.append(key=None, value=b"x", timestamp=None)
        await (await producer.send_batch(batch, partition.topic, partition=0))
    found = await counts(connection, partition)
    assert [found.since(offset) for offset in (0, 7, 19, 20)] == [20, 13, 1, 0]


async def test_what_is_more_than_may_be_fetched_is_not_counted(
    kafka: Kafka, connection: Connection, partition: TopicPartition
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for _ in range(40):
            await producer.send_and_wait(partition.topic, bytes(100_000), partition=0)
    assert await count_records(connection, {partition: (0, 40)}, 1_000_000) == {}
    assert (await count_records(connection, {partition: (0, 40)}, PLENTY))[partition].since(0) == 40
