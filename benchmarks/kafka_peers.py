"""What the bus on Kafka is measured against: loops written with nothing but a client library.

Each reads a topic from its beginning and passes ``count`` messages on to :func:`output_of` it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.passthrough import Ping


def output_of(topic: str) -> str:
    """The topic that the peers write to."""
    return f"{topic}.out"


async def create_output(bootstrap: str, topic: str, partitions: int) -> None:
    """Create the topic that the peers write to, and wait for its leaders. One that is created
    because somebody writes to it has one partition, and refuses what is written to it at first."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(output_of(topic), partitions, 1)])
        while True:
            [found] = await admin.describe_topics([output_of(topic)])
            leaders = [partition["leader"] for partition in found["partitions"]]
            if len(leaders) == partitions and min(leaders) >= 0:
                return
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def raw_aiokafka(bootstrap: str, topic: str, count: int, size: int) -> float:
    """Events a second of a loop that passes messages on in transactions."""
    name = uuid.uuid4().hex
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=name, enable_auto_commit=False,
        auto_offset_reset="earliest", isolation_level="read_committed", check_crcs=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=name, max_batch_size=512 * 1024,
        max_request_size=4 * 1024 * 1024,
    )  # fmt: skip
    out = output_of(topic)
    await consumer.start()
    await producer.start()
    begun = time.perf_counter()
    done = 0
    while done < count:
        found = await consumer.getmany(timeout_ms=1000, max_records=size)
        if not found:
            continue
        offsets = {}
        async with producer.transaction():
            for place, records in found.items():
                for record in records:
                    await producer.send(
                        out, record.value, key=record.key, headers=list(record.headers)
                    )
                offsets[place] = records[-1].offset + 1
                done += len(records)
            await producer.send_offsets_to_transaction(offsets, name)
    rate = count / (time.perf_counter() - begun)
    await consumer.stop()
    await producer.stop()
    return rate


async def faststream(bootstrap: str, topic: str, count: int) -> float:
    """Events a second of FastStream, acknowledging after the work, message by message."""
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker, KafkaMessage

    app = KafkaBroker(bootstrap, enable_idempotence=True, logger=None)
    finished = asyncio.Event()
    handled = 0
    begun = 0.0

    @app.subscriber(
        topic, group_id=uuid.uuid4().hex, auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def pass_on(body: Ping, message: KafkaMessage) -> None:
        nonlocal handled, begun
        begun = begun or time.perf_counter()
        raw: Any = message.raw_message
        await app.publish(body, output_of(topic), key=raw.key)
        handled += 1
        if handled == count:
            finished.set()

    await app.start()
    await finished.wait()
    rate = count / (time.perf_counter() - begun)
    await app.stop()
    return rate


async def faststream_batch(bootstrap: str, topic: str, count: int) -> float:
    """Events a second of FastStream in batches of 500: no lineage, at least once."""
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker

    app = KafkaBroker(
        bootstrap, enable_idempotence=True, max_batch_size=1 << 20, max_request_size=1 << 22,
        logger=None,
    )  # fmt: skip
    finished = asyncio.Event()
    handled = 0
    begun = 0.0

    @app.subscriber(
        topic, group_id=uuid.uuid4().hex, auto_offset_reset="earliest", batch=True,
        max_records=500, ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def pass_on(bodies: list[Ping]) -> None:
        nonlocal handled, begun
        begun = begun or time.perf_counter()
        await app.publish_batch(*bodies, topic=output_of(topic))
        handled += len(bodies)
        if handled >= count:
            finished.set()

    await app.start()
    await finished.wait()
    rate = count / (time.perf_counter() - begun)
    await app.stop()
    return rate


def confluent(bootstrap: str, topic: str, count: int, size: int) -> float:
    """Events a second of a loop with the C client, in transactions of the same size."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    name = uuid.uuid4().hex
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "isolation.level": "read_committed",
        }
    )  # fmt: skip
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": name, "batch.size": 512 * 1024}
    )
    producer.init_transactions()
    consumer.subscribe([topic])
    done, begun = 0, 0.0
    while done < count:
        messages = consumer.consume(size, timeout=1.0)
        if not messages:
            continue
        begun = begun or time.perf_counter()
        producer.begin_transaction()
        offsets: dict[int, int] = {}
        for message in messages:
            producer.produce(
                output_of(topic), message.value(), message.key(), headers=message.headers()
            )
            offsets[message.partition() or 0] = (message.offset() or 0) + 1
        producer.send_offsets_to_transaction(
            [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()],
            consumer.consumer_group_metadata(),
        )
        producer.commit_transaction()
        done += len(messages)
    rate = count / (time.perf_counter() - begun)
    consumer.close()
    return rate
