"""Numbers of events and lag are those of events, whatever else takes offsets."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer

from lineal.bus.kafka import overview
from lineal.bus.protocol import Batch, Delivery, TopicInfo, TopicSettings
from lineal.runtime import Runtime
from lineal_schemas.bindings import to_kafka
from lineal_schemas.envelope import first_event
from tests.conformance.harness import PATIENCE_SECONDS, fetch_all
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Task


async def publish_in_transactions(bus: KafkaBusUnderTest, number: int) -> None:
    """One event each, with one after the other aborted, as any client may."""
    topic = f"{bus.settings.kafka.prefix}{Task.type}"
    producer = AIOKafkaProducer(
        bootstrap_servers=bus.settings.bus.removeprefix("kafka://"), transactional_id=topic
    )
    async with producer:
        for n in range(number):
            event = first_event(Task(key="a", number=n), id=f"e{n}", source="test:x")
            key, value, headers = to_kafka(event)
            for aborted in (True, False):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, value, key=key, headers=headers)
                await (producer.abort_transaction() if aborted else producer.commit_transaction())


async def info(runtime: Runtime) -> TopicInfo:
    (found,) = [item for item in await runtime.bus.topics() if item.topic == Task.type]
    return found


async def test_markers_of_transactions_are_no_events(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=2))
        await publish_in_transactions(bus, 30)
        found = await info(runtime)
        assert (found.events, found.published_last_minute, found.counted) == (30, 30, True)
        worker = await runtime.bus.subscribe("g", [Task.type])
        deliveries: list[Delivery] = []
        while len(deliveries) < 30:
            deliveries += await worker.fetch(100, 0.2)
        # Of all but the third: 27 of the others are done beyond the committed offset.
        await worker.commit(Batch([d for n, d in enumerate(deliveries) if n != 2]))
        assert (await info(runtime)).groups[0].lag == 1
        await worker.commit(Batch(deliveries[2:3]))
        assert (await info(runtime)).groups[0].lag == 0, "whatever markers stand behind the last"
        await worker.close()
        assert (await info(runtime)).groups[0].lag == 0


async def test_of_many_it_is_said_that_they_are_not_counted(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_MAX_COUNTED_OFFSETS", 20)
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=1))
        await publish_in_transactions(bus, 6)
        found = await info(runtime)
        assert (found.events, found.counted) == (24, False)
        await fetch_all(runtime, "g", Task.type, 6)
        worker = await runtime.bus.subscribe("g", [Task.type])
        deliveries = await worker.fetch(100, PATIENCE_SECONDS)
        await worker.commit(Batch(deliveries[:3]))
        found = await info(runtime)
        assert found.groups[0].lag == 3, "what is left of a long topic is counted"
        await worker.close()
