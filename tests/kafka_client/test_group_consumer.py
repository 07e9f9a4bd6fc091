"""What a consumer commits counts once and only while its partitions are its own (KIP-447)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from lineal.kafka_client.connection import LATEST, Connection
from lineal.kafka_client.errors import KafkaUnavailable, TransactionInDoubt
from lineal.kafka_client.group_consumer import Ack, GroupConsumer
from lineal.kafka_client.partition_reader import Fetched
from lineal.kafka_client.producer import IdempotentProducer
from lineal.kafka_client.record_batches import BatchPosition, RecordBatches
from lineal.kafka_client.record_counts import count_records
from lineal.kafka_client.transactions import AlternatingProducers, TransactionalProducer
from lineal_local.kafka import Kafka


def consumer_of(
    connection: Connection, tp: TopicPartition, static_member_id: str = "one"
) -> GroupConsumer:
    producers = AlternatingProducers(connection, f"{tp.topic}/{static_member_id}", 5.0)
    return GroupConsumer(
        connection, f"{tp.topic}-group", [tp.topic], producers, None,
        static_member_id=static_member_id, session_seconds=3.0, revoke_seconds=3.0,
        on_revoking=lambda partitions: None,
    )  # fmt: skip


async def send(kafka: Kafka, tp: TopicPartition, number: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for n in range(number):
            await producer.send_and_wait(tp.topic, b"%d" % n, partition=tp.partition)


async def fetch(consumer: GroupConsumer, number: int) -> list[Fetched]:
    found: list[Fetched] = []
    async with asyncio.timeout(180):
        while len(found) < number:
            found += await consumer.fetch(100, 0.2)
    return found


def acks(fetched: Sequence[Fetched], *offsets: int) -> list[Ack]:
    return [Ack(p.assignment, r.offset) for p, r in fetched if r.offset in offsets]


def output(tp: TopicPartition, value: bytes) -> Any:
    async def batches(indexes: Sequence[int]) -> RecordBatches:
        found = RecordBatches(transactional=True)
        found.append(tp, None, value, [], 0)
        return found

    return batches


async def commit(consumer: GroupConsumer, acks: Sequence[Ack], batches: Any) -> list[int]:
    """As whoever tries again what a passing cause kept from happening."""
    async with asyncio.timeout(180):
        while True:
            try:
                return await consumer.commit(acks, batches)
            except KafkaUnavailable:
                await asyncio.sleep(0.1)


async def test_records_are_acknowledged_in_any_order_and_across_members(
    kafka: Kafka, connection: Connection, partition: TopicPartition
) -> None:
    await send(kafka, partition, 5)
    consumer = consumer_of(connection, partition)
    await consumer.open()
    found = await fetch(consumer, 5)

    async def nothing(indexes: Sequence[int]) -> RecordBatches:
        return RecordBatches(transactional=True)

    assert await consumer.commit(acks(found, 0, 2, 4), nothing) == [0, 1, 2]
    await consumer.close()
    other = consumer_of(connection, partition, "another")
    await other.open()
    assert [record.offset for _, record in await fetch(other, 2)] == [1, 3]
    await other.close()


async def test_who_was_fenced_commits_nothing(
    kafka: Kafka, connection: Connection, partition: TopicPartition
) -> None:
    """A process that hangs, and is replaced by one of the same static member id (KIP-345)."""
    await send(kafka, partition, 2)
    hanging = consumer_of(connection, partition)
    await hanging.open()
    found = await fetch(hanging, 2)
    replacing = consumer_of(connection, partition)
    await replacing.open()
    assert await commit(hanging, acks(found, 0, 1), output(partition, b"twice")) == []
    assert hanging.fenced
    again = await fetch(replacing, 2)
    assert await commit(replacing, acks(again, 0, 1), output(partition, b"once")) == [0, 1]
    (last,) = await fetch(replacing, 1)
    assert last.record.value == b"once"
    await hanging.close()
    await replacing.close()


@pytest.mark.parametrize("committed", [True, False])
async def test_what_became_of_a_transaction_in_doubt_is_found_out(
    kafka: Kafka,
    connection: Connection,
    partition: TopicPartition,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    await send(kafka, partition, 1)
    consumer = consumer_of(connection, partition)
    await consumer.open()
    found = await fetch(consumer, 1)
    end = TransactionalProducer._end

    async def unanswered(self: TransactionalProducer, producer: Any) -> None:
        if committed:
            await end(self, producer)
        raise TransactionInDoubt("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(TransactionalProducer, "_end", unanswered)
        with pytest.raises(TransactionInDoubt):
            await consumer.commit(acks(found, 0), output(partition, b"output"))
    assert await consumer.resolve() == (frozenset(acks(found, 0)) if committed else frozenset())
    if not committed:
        assert await consumer.commit(acks(found, 0), output(partition, b"output")) == [0]
    end_offset = (await connection.list_offsets([partition], LATEST))[partition]
    counts = await count_records(connection, {partition: (0, end_offset)}, 1 << 20)
    assert counts[partition].since(0) == 2, "the record and one output"
    await consumer.close()


async def test_what_is_sent_while_a_request_is_in_flight_keeps_its_order(
    connection: Connection, partition: TopicPartition
) -> None:
    producer = IdempotentProducer(connection)

    def append(number: int) -> Any:
        def to(batches: RecordBatches) -> list[BatchPosition]:
            return [batches.append(partition, None, b"%d" % number, [], 0)]

        return to

    stored = await asyncio.gather(*(producer.send(append(n), 1) for n in range(200)))
    assert stored == [[(partition, n)] for n in range(200)]
    await producer.close()


async def test_reading_goes_on_when_aiokafkas_fetching_ended_by_an_error(
    connection: Connection, partition: TopicPartition, kafka: Kafka
) -> None:
    consumer = consumer_of(connection, partition)
    await consumer.open()
    await send(kafka, partition, 3)
    first = await fetch(consumer, 3)
    client = consumer._reader._consumer._client
    send_request = client.send

    async def lost(node_id: Any, request: Any, **options: Any) -> Any:
        client.send = send_request
        raise KeyError((node_id, "default"))  # as when a connection that timed out is gone

    client.send = lost
    await send(kafka, partition, 2)
    second = await fetch(consumer, 2)
    assert [record.offset for _, record in (*first, *second)] == [0, 1, 2, 3, 4]
    await consumer.close()
