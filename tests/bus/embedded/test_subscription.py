"""What can happen to a worker between looking and writing, arranged step by step.

The conformance suite has the same with real processes, where it happens or not as it pleases.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.embedded.subscription import EmbeddedSubscription
from lineal.bus.protocol import AssignmentLost, Batch, Delivery
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import first_event
from tests.conformance.harness import (
    events_on,
    lag,
    payload_of,
    publish,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task, work


@contextlib.asynccontextmanager
async def runtimes(folder: Path, count: int = 1) -> AsyncIterator[list[Runtime]]:
    settings = Settings(data=folder, durability="normal", partitions=2, lease_seconds=0.5)
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_runtime(settings)) for _ in range(count)]


def handled(deliveries: Sequence[Delivery], text: str) -> Batch:
    outputs = []
    for delivery in deliveries:
        done = Done(key="a", number=payload_of(delivery.event).number, text=text)
        event = first_event(done, id=f"{text} {delivery.event.id}", source="test:x")
        outputs.append((Done.type, event))
    return Batch(deliveries, outputs)


async def subscribe(runtime: Runtime, group: str, topics: Sequence[str]) -> EmbeddedSubscription:
    subscription = await runtime.bus.subscribe(group, topics)
    assert isinstance(subscription, EmbeddedSubscription)
    return subscription


async def freeze(subscription: EmbeddedSubscription) -> None:
    """As if the process had been stopped: it notices nothing and renews nothing."""
    assert subscription._housekeeping is not None
    subscription._housekeeping.cancel()
    await asyncio.gather(subscription._housekeeping, return_exceptions=True)


async def fetch(subscription: EmbeddedSubscription, count: int) -> list[Delivery]:
    deliveries: list[Delivery] = []
    async with asyncio.timeout(180):
        while len(deliveries) < count:
            deliveries += await subscription.fetch(100, 1.0)
    return deliveries


async def test_a_worker_that_lost_its_partition_unawares_commits_nothing(tmp_path: Path) -> None:
    async with runtimes(tmp_path, 2) as (one, two):
        await publish(one, *(Task(key="a", number=n) for n in range(4)))
        frozen = await subscribe(one, "g", [Task.type])
        begun = await fetch(frozen, 4)
        await freeze(frozen)
        other = await subscribe(two, "g", [Task.type])
        taken_over = await fetch(other, 4)
        await other.commit(handled(taken_over[:2], "other"))
        with pytest.raises(AssignmentLost) as lost:
            await frozen.commit(handled(begun, "frozen"))
        assert lost.value.deliveries == begun, "all of it is to be dropped"
        await other.commit(handled(taken_over[2:], "other"))
        done = [payload_of(event) for event in await events_on(one, Done.type)]
        assert [(item.number, item.text) for item in done] == [(n, "other") for n in range(4)]
        assert await lag(one, "g") == 0


async def test_a_partition_won_again_while_a_commit_was_under_way_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with runtimes(tmp_path, 2) as (one, two):
        await publish(one, *(Task(key="a", number=n) for n in range(3)))
        subscription = await subscribe(one, "g", [Task.type])
        begun = await fetch(subscription, 3)
        await one.bus.create_topic(Done.type)
        gate = asyncio.Event()
        write = one.database.write

        async def held_up(job: Any, *, wake: Any = ()) -> Any:
            monkeypatch.setattr(one.database, "write", write)
            await gate.wait()
            return await write(job, wake=wake)

        monkeypatch.setattr(one.database, "write", held_up)
        committing = asyncio.create_task(subscription.commit(handled(begun, "first")))
        await asyncio.sleep(0)
        await two.bus.seek("g", Task.type, offset=0, time=None)
        again = await fetch(subscription, 3)  # lost, noticed, won again
        gate.set()
        with pytest.raises(AssignmentLost) as lost:
            await committing
        assert lost.value.deliveries == begun
        await subscription.commit(handled(again, "again"))
        done = [payload_of(event).text for event in await events_on(one, Done.type)]
        assert done == ["again"] * 3
        await publish(one, Task(key="a", number=3))
        (following,) = await fetch(subscription, 1)
        assert payload_of(following.event).number == 3


async def test_a_look_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with runtimes(tmp_path) as (one,):
        await publish(one, Task(key="a", number=0))
        failing = await subscribe(one, "g", [Task.type])
        looked = 0
        look = failing._look_after_partitions

        async def fail() -> None:
            nonlocal looked
            looked += 1
            if looked < 3:
                raise RuntimeError("something nobody thought of")
            await look()

        monkeypatch.setattr(failing, "_look_after_partitions", fail)
        async with asyncio.timeout(180):
            while looked < 5:
                await asyncio.sleep(0.02)
        assert len(await fetch(failing, 1)) == 1


async def test_a_full_disk_delays_work_and_loses_none(tmp_path: Path) -> None:
    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    async with runtimes(tmp_path) as (runtime,):
        tasks = [Task(key=f"{n}", number=n, scratch=str(tmp_path)) for n in range(300)]
        await publish(runtime, *tasks)
        await runtime.bus.create_topic(Done.type)
        await runtime.database.write(lambda c: limit(c, 1))  # no more pages than there are
        async with running(runtime, work):
            async with asyncio.timeout(180):
                while len(_trace(tmp_path)) < 300:
                    await asyncio.sleep(0.02)
            assert len(await events_on(runtime, Done.type)) < 300
            await runtime.database.write(lambda c: limit(c, 1_000_000))
            await until_settled(runtime, "work")
        done = [payload_of(event).number for event in await events_on(runtime, Done.type)]
        assert sorted(done) == list(range(300))
        assert await events_on(runtime, "dead.work") == []


async def test_stopping_with_a_full_disk_ends_and_nothing_is_lost(tmp_path: Path) -> None:
    async with runtimes(tmp_path) as (runtime,):
        tasks = [Task(key=f"{n}", number=n, scratch=str(tmp_path)) for n in range(300)]
        await publish(runtime, *tasks)
        await runtime.bus.create_topic(Done.type)
        await runtime.database.write(lambda c: c.execute("PRAGMA max_page_count = 1") and None)
        with contextlib.suppress(sqlite3.OperationalError):  # it cannot say good-bye either
            async with running(runtime, work):
                async with asyncio.timeout(180):
                    while len(_trace(tmp_path)) < 300:
                        await asyncio.sleep(0.02)
    async with runtimes(tmp_path) as (runtime,):
        async with running(runtime, work):
            await until_settled(runtime, "work")
        done = [payload_of(event).number for event in await events_on(runtime, Done.type)]
    assert sorted(done) == list(range(300))


def _trace(scratch: Path) -> list[str]:
    file = scratch / "trace"
    return (
        [line for line in file.read_text().splitlines() if line.startswith("end")]
        if (file.exists())
        else []
    )


async def test_partitions_of_one_number_stay_with_one_worker(tmp_path: Path) -> None:
    """So that a redriven event and a live one of the same key are never with two workers."""
    topics = [Task.type, "redrive.g"]
    async with runtimes(tmp_path, 3) as (one, two, three):

        async def owners() -> list[set[str | None]]:
            found: dict[int, set[str | None]] = {}
            for info in await one.bus.topics():
                for partition in info.groups[0].partitions:
                    found.setdefault(partition.partition, set()).add(partition.owner)
            return list(found.values())

        async def shared_by(count: int) -> None:
            async with asyncio.timeout(180):
                while True:
                    found = await owners()
                    assert all(len(those - {None}) <= 1 for those in found)
                    names = [next(iter(those)) for those in found]
                    if None not in names and len(set(names)) == count:
                        return
                    await asyncio.sleep(0.02)

        await subscribe(one, "g", topics)
        await shared_by(1)
        second = await subscribe(two, "g", topics)
        await shared_by(2)
        await one.bus.seek("g", Task.type, offset=0, time=None)
        await shared_by(2)
        await second.close()
        await subscribe(three, "g", topics)
        await shared_by(2)
