"""The lineage topic comes into the store once, whoever copies it, and its group is like others."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from aiokafka import AIOKafkaProducer

from lineal.effects.codec import encode
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import StoreUnavailable
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.follower import LedgerFollower
from lineal.lineage.ledger import all_steps, stored_bytes
from lineal.lineage.record import Record
from lineal.lineage.topic import (
    EFFECTS_MEDIA_TYPE,
    LEDGER_GROUP,
    LINEAGE_TOPIC,
    Message,
    apply_messages,
)
from lineal.runtime import Runtime
from lineal.store.database import Database
from tests.bus.kafka.following import following
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    publish,
    records,
    running,
    until,
    until_settled,
)
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Task, work
from tests.lineage.records import one_step


def record(number: int) -> Record:
    return one_step(f"task:{number}", started=number)


def message(offset: int) -> Message:
    return Message(offset, encode(lineage_records([record(offset)])))


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


async def test_what_one_worker_cannot_read_costs_no_record(tmp_path: Path) -> None:
    """An effect of a package that is not installed where the topic is followed stood in the way of
    all that was committed with it."""

    @dataclass(frozen=True, slots=True)
    class Foreign(Effect):
        kind: ClassVar[str] = "of.a.package"

    with_unknown = Message(0, encode([Foreign(), *lineage_records([record(1)])]))
    database = Database(tmp_path, durability="normal")
    database.open()
    try:
        applied = await database.write(lambda c: apply_messages(c, "bus:topic", [with_unknown]))
        steps = await database.read(lambda c: list(all_steps(c)))
    finally:
        await database.close()
    assert [step.subject for step in steps] == ["task:1"]
    ((offset, problem),) = applied.unreadable
    assert (offset, "of.a.package" in problem) == (0, True)


async def test_its_lag_shows_like_that_of_others_and_ends(bus: KafkaBusUnderTest) -> None:
    async def lag(runtime: Runtime) -> int:
        (info,) = [item for item in await runtime.bus.topics() if item.topic == LINEAGE_TOPIC]
        (group,) = info.groups
        assert (group.group, info.partitions) == (LEDGER_GROUP, 1)
        return group.lag

    async with bus.open() as runtime:
        async with following(runtime), running(runtime, work):
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
        await runtime.committer.publish([], lineage_records([record(1)]))
        broker = bus.settings.bus.removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            topic = f"{bus.settings.kafka.prefix}{LINEAGE_TOPIC}"
            for data in (message(2).data, b"no lineage", message(3).data):
                await producer.send_and_wait(topic, data)
        await runtime.flush_ledger()
        assert [len(await records(runtime, f"task:{n}")) for n in (1, 2, 3)] == [1, 1, 1]


async def test_a_store_that_is_behind_the_group_gets_everything(
    bus: KafkaBusUnderTest, tmp_path: Path
) -> None:
    async def handle(runtime: Runtime, number: int) -> None:
        async with running(runtime, work):
            task = Task(key="a", number=number, scratch=str(bus.scratch))
            await publish(runtime, task)
            await until_settled(runtime, "work")
            await runtime.flush_ledger()

    async with bus.open() as runtime:
        await handle(runtime, 1)
        assert await count(runtime) == 1
    bus.settings = bus.settings.model_copy(update={"data": tmp_path / "new"})
    async with bus.open() as runtime:
        await handle(runtime, 2)
        assert await count(runtime) == 2


@pytest.mark.parametrize("first", ["publish", "subscribe", "create"])
async def test_the_lineage_topic_has_one_partition_whoever_comes_first(
    bus: KafkaBusUnderTest, first: str
) -> None:
    """Its order is causal; in two partitions it would be none."""
    async with bus.open() as runtime:
        if first == "publish":
            await runtime.flush_ledger()
        elif first == "subscribe":
            await (await runtime.bus.subscribe(LEDGER_GROUP, [LINEAGE_TOPIC])).close()
        else:
            await runtime.bus.create_topic(LINEAGE_TOPIC)
        (info,) = [item for item in await runtime.bus.topics() if item.topic == LINEAGE_TOPIC]
        assert info.partitions == 1


@pytest.mark.parametrize("when", ["fetched", "writing", "written"])
async def test_what_a_killed_member_of_the_group_had_is_written_once(
    bus: KafkaBusUnderTest, when: str
) -> None:
    async def lag(runtime: Runtime) -> int:
        return sum(
            group.lag
            for info in await runtime.bus.topics()
            for group in info.groups
            if group.group == LEDGER_GROUP
        )

    async with bus.open() as runtime:
        async with running(runtime, work):
            for numbers in (range(20), range(20, 40)):
                await publish(runtime, *(Task(key="a", number=n, scratch=str(bus.scratch))
                                         for n in numbers))  # fmt: skip
                await until_settled(runtime, "work")
        settings = bus.settings.model_dump_json()
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bus.kafka.hurt_follower", when, settings
        )
        assert await killed.wait() == -signal.SIGKILL
        assert await count(runtime) == (40 if when == "written" else 0)
        async with following(runtime):
            while await lag(runtime):
                await asyncio.sleep(0.05)
            assert await count(runtime) == 40
        assert len(await records(runtime, "task:a")) == 40


async def test_a_store_that_cannot_be_written_is_a_problem_of_the_worker(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: LedgerFollower, messages: object) -> None:
        raise StoreUnavailable("the disk is full")

    async with bus.open() as runtime, following(runtime) as follower:
        assert follower.problem is None
        with monkeypatch.context() as patch:
            patch.setattr(LedgerFollower, "_apply", full)
            await runtime.bus.publish([], lineage_records([record(1)]))
            await until(lambda: follower.problem == "the ledger: the disk is full")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await count(runtime):
                await asyncio.sleep(0.05)
        await until(lambda: follower.problem is None)
