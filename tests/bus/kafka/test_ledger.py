"""The lineage topic comes into the store once, whoever copies it, and its group is like others."""

from __future__ import annotations

from pathlib import Path

from aiokafka import AIOKafkaProducer

from lineal.bus.kafka.lineage import record_messages
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import all_steps, stored_bytes
from lineal.lineage.record import Record
from lineal.lineage.travel import (
    EFFECTS_MEDIA_TYPE,
    LEDGER_GROUP,
    LINEAGE_TOPIC,
    Message,
    apply_messages,
)
from lineal.runtime import Runtime
from lineal.store.database import Database
from tests.conformance.harness import publish, records, running, until_settled
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Task, work
from tests.lineage.records import one_step


def record(number: int) -> Record:
    return one_step(f"task:{number}", started=number)


def message(offset: int) -> Message:
    return Message(offset, record_messages([record(offset)])[0])


async def count(runtime: Runtime) -> int:
    return await runtime.store.read(lambda c: len(list(all_steps(c))))


async def test_messages_are_applied_once(tmp_path: Path) -> None:
    database = Database(tmp_path, durability="normal")
    database.open()
    try:

        async def apply(*offsets: int) -> int:
            messages = [message(offset) for offset in offsets]
            applied = await database.write(lambda c: apply_messages(c, "bus:topic", messages))
            return int(applied.position)

        assert await apply(0, 1, 3) == 4
        assert await apply(1, 3, 5, 6) == 7
        assert await apply(3) == 7
        found = await database.read(lambda c: c.execute("SELECT record FROM ledger").fetchall())
    finally:
        await database.close()
    kept = [stored_bytes(row[0]) for row in found]
    assert kept == [canonical_bytes(record(n)) for n in (0, 1, 3, 5, 6)]


async def test_its_lag_shows_like_that_of_others_and_ends(bus: KafkaBusUnderTest) -> None:
    async def lag(runtime: Runtime) -> int:
        (info,) = [item for item in await runtime.bus.topics() if item.topic == LINEAGE_TOPIC]
        (group,) = info.groups
        assert (group.group, info.partitions) == (LEDGER_GROUP, 1)
        return group.lag

    async with bus.open() as runtime:
        async with running(runtime, work):
            await publish(runtime, *(Task(key="a", number=n, scratch=str(bus.scratch))
                                     for n in range(9)))  # fmt: skip
            await until_settled(runtime, "work")
            while await lag(runtime):
                pass
            assert await count(runtime) == 9
        async for delivery in runtime.bus.read(LINEAGE_TOPIC):
            event = delivery.event
            assert (event.type, event.datacontenttype) == (LINEAGE_TOPIC, EFFECTS_MEDIA_TYPE)


async def test_what_older_versions_wrote_is_read(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await runtime.bus.record([record(1)])
        broker = bus.settings.bus.removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            topic = f"{bus.settings.kafka.prefix}{LINEAGE_TOPIC}"
            for data in (message(2).data, b"no lineage", message(3).data):
                await producer.send_and_wait(topic, data)
        await runtime.bus.recorded()
        assert [len(await records(runtime, f"task:{n}")) for n in (1, 2, 3)] == [1, 1, 1]


async def test_a_store_that_is_behind_the_group_gets_everything(
    bus: KafkaBusUnderTest, tmp_path: Path
) -> None:
    async def handle(runtime: Runtime, number: int) -> None:
        async with running(runtime, work):
            task = Task(key="a", number=number, scratch=str(bus.scratch))
            await publish(runtime, task)
            await until_settled(runtime, "work")
            await runtime.bus.recorded()

    async with bus.open() as runtime:
        await handle(runtime, 1)
        assert await count(runtime) == 1
    bus.settings = bus.settings.model_copy(update={"data": tmp_path / "new"})
    async with bus.open() as runtime:
        await handle(runtime, 2)
        assert await count(runtime) == 2
