"""Several processes share the work; what one leaves undone, however it ends, another one does."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

from lineal.bus.protocol import Batch, Delivery, TopicSettings
from lineal.runtime import Runtime
from tests.conformance.harness import (
    BusUnderTest,
    WorkerProcess,
    events_on,
    lag,
    payload_of,
    publish,
    until,
    until_events,
    until_settled,
)
from tests.conformance.workload import Action, Done, Task, Trace

KEYS = [f"key{n}" for n in range(16)]
KEYS_OF_40 = [f"key{n}" for n in range(40)]


def tasks(bus: BusUnderTest, count: int, action: Action = "pass", first: int = 0) -> list[Task]:
    return [
        Task(key=KEYS[n % len(KEYS)], number=n, action=action, scratch=str(bus.scratch))
        for n in range(first, first + count)
    ]


async def assert_done_once_and_in_order(bus: BusUnderTest, runtime: Runtime, count: int) -> None:
    await until_events(runtime, Done.type, count)
    await until_settled(runtime, "work")
    done = [payload_of(event) for event in await events_on(runtime, Done.type)]
    times = Counter(item.number for item in done)
    assert set(times) == set(range(count))
    if bus.capabilities.transactional_outputs:
        assert set(times.values()) == {1}, "no output is ever seen twice"
    for key in KEYS:
        numbers = list(dict.fromkeys(item.number for item in done if item.key == key))
        assert numbers == sorted(numbers)


async def stop_between_writes(runtime: Runtime, worker: WorkerProcess) -> None:
    """A bus with one writer at a time waits for one that is stopped while it writes."""
    while True:
        worker.send(signal.SIGSTOP)
        try:
            async with asyncio.timeout(2):
                await runtime.bus.create_topic("probe", TopicSettings())
                await runtime.store.write(lambda _: None)
            return
        except TimeoutError:
            worker.send(signal.SIGCONT)
            await asyncio.sleep(0.1)


async def test_a_worker_killed_in_the_middle_of_its_work_loses_and_doubles_nothing(
    bus: BusUnderTest,
) -> None:
    work = tasks(bus, 160)
    work[70] = work[70].model_copy(update={"action": "crash-once"})
    async with bus.open() as runtime:
        await publish(runtime, *work)
        first = bus.spawn_worker("work", prefetch=40)
        assert await first.ended() == -signal.SIGKILL
        assert len(await events_on(runtime, Done.type)) < 160
        bus.spawn_worker("work", prefetch=40)
        await assert_done_once_and_in_order(bus, runtime, 160)


async def test_workers_killed_again_and_again(bus: BusUnderTest) -> None:
    work = tasks(bus, 200)
    for number in (20, 60, 61, 130, 190):
        work[number] = work[number].model_copy(update={"action": "crash-once"})
    async with bus.open() as runtime:
        await publish(runtime, *work)
        workers = [bus.spawn_worker("work", prefetch=30, lanes=5) for _ in range(2)]
        while len(await events_on(runtime, Done.type)) < 200:
            for place, worker in enumerate(workers):
                if not worker.running:
                    workers[place] = bus.spawn_worker("work", prefetch=30, lanes=5)
            await asyncio.sleep(0.05)
        await assert_done_once_and_in_order(bus, runtime, 200)


async def test_two_processes_both_do_work_and_each_event_once(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type)
        workers = [bus.spawn_worker("work") for _ in range(2)]
        for worker in workers:
            await worker.ready()
        trace = Trace(bus.scratch)
        # The work comes in portions until both have had some: who joins last gets a part of it.
        count = 0
        while len({pid for _, _, pid in trace.read("end")}) < 2:
            await publish(runtime, *tasks(bus, 48, first=count))
            count += 48
            await until_events(runtime, Done.type, count)
        await assert_done_once_and_in_order(bus, runtime, count)
    assert {pid for _, _, pid in trace.read("end")} == {worker.pid for worker in workers}


async def test_who_joins_takes_over_a_part_of_the_topic_with_the_work(bus: BusUnderTest) -> None:
    bus.require("partitions")
    async with bus.open() as runtime:
        first = bus.spawn_worker("work")
        await first.ready()
        second = bus.spawn_worker("work")
        await second.ready()

        async def owners() -> Counter[str]:
            partitions = [
                partition.owner
                for info in await runtime.bus.topics()
                if info.topic == Task.type
                for group in info.groups
                for partition in group.partitions
            ]
            return Counter(owner for owner in partitions if owner is not None)

        while sorted((await owners()).values()) != [2, 2]:
            await asyncio.sleep(0.05)
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
        while list((await owners()).values()) != [4]:
            await asyncio.sleep(0.05)


async def test_what_a_killed_worker_had_begun_is_taken_over(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        trace = Trace(bus.scratch)
        await publish(runtime, *tasks(bus, 16, "wait"))
        first = bus.spawn_worker("work")
        await until(lambda: len(trace.read("begin")) == 16)
        second = bus.spawn_worker("work")
        await second.ready()
        first.send(signal.SIGKILL)
        (bus.scratch / "go").touch()
        await assert_done_once_and_in_order(bus, runtime, 16)
    # Some may have been handed over before; what the dead one had begun was begun once more.
    assert {pid for _, _, pid in trace.read("end")} == {second.pid}


async def test_a_stopped_worker_that_wakes_up_settles_nothing(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        trace = Trace(bus.scratch)
        await publish(runtime, *tasks(bus, 16, "wait"))
        zombie = bus.spawn_worker("work")
        await until(lambda: len(trace.read("begin")) == 16)
        await stop_between_writes(runtime, zombie)
        second = bus.spawn_worker("work")
        await until(
            lambda: len([pid for _, _, pid in trace.read("begin") if pid == second.pid]) == 16
        )
        (bus.scratch / "go").touch()
        zombie.send(signal.SIGCONT)
        await until(
            lambda: len([pid for _, _, pid in trace.read("end") if pid == zombie.pid]) == 16
        )
        await assert_done_once_and_in_order(bus, runtime, 16)
        # It is a member again, and does its part of what comes next.
        await publish(runtime, *tasks(bus, 32, first=16))
        await assert_done_once_and_in_order(bus, runtime, 48)


async def test_sigterm_finishes_what_has_begun_and_hands_back_the_rest(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        trace = Trace(bus.scratch)
        await publish(runtime, *tasks(bus, 64, "wait"))
        worker = bus.spawn_worker("work", lanes=8)
        await until(lambda: len(trace.read("begin")) == 8)
        worker.send(signal.SIGTERM)
        await worker.stopping()
        (bus.scratch / "go").touch()
        assert await worker.ended() == 0
        assert len(trace.read("begin")) == 8, "nothing new was begun"
        assert len(await events_on(runtime, Done.type)) == 8
        assert await lag(runtime, "work") > 0
        bus.spawn_worker("work")
        await assert_done_once_and_in_order(bus, runtime, 64)
    assert Counter(number for _, number, _ in trace.read("begin")) == Counter(range(64))


async def test_sigterm_under_full_load_loses_and_doubles_nothing(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 600, "stall"))
        for stop_at in (30, 200, 400):
            worker = bus.spawn_worker("work", prefetch=100, lanes=16)
            # The one before may have done as much already, and a signal would come too early.
            await worker.ready()
            await until_events(runtime, Done.type, stop_at)
            worker.send(signal.SIGTERM)
            assert await worker.ended() == 0
        bus.spawn_worker("work")
        await assert_done_once_and_in_order(bus, runtime, 600)
    trace = Trace(bus.scratch)
    assert Counter(number for _, number, _ in trace.read("end")) == Counter(range(600))


async def test_work_that_outlasts_the_budget_is_given_back(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        trace = Trace(bus.scratch)
        await publish(runtime, *tasks(bus, 16, "wait"))
        worker = bus.spawn_worker("work", drain_seconds=0.1)
        await until(lambda: len(trace.read("begin")) == 16)
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0
        assert await events_on(runtime, Done.type) == []
        (bus.scratch / "go").touch()
        bus.spawn_worker("work")
        await assert_done_once_and_in_order(bus, runtime, 16)


async def test_work_done_beyond_an_open_event_is_not_given_out_again(bus: BusUnderTest) -> None:
    """Nor does it stand in the way of the group being done."""
    async with bus.open() as runtime:
        # In one partition, or, where there are none, in the queue.
        keys = "a" if bus.capabilities.partitions else KEYS_OF_40
        await publish(runtime, *(Task(key=keys[n % len(keys)], number=n) for n in range(40)))
        first = await runtime.bus.subscribe("g", [Task.type])
        deliveries: list[Delivery] = []
        while len(deliveries) < 40:
            deliveries += await first.fetch(100, 5.0)
        deliveries.sort(key=lambda delivery: payload_of(delivery.event).number)
        await first.commit(Batch(deliveries[1:-1]))
        await first.close()
        second = await runtime.bus.subscribe("g", [Task.type])
        again: list[Delivery] = []
        while len(again) < 2:
            again += await second.fetch(1, 5.0)
            # Settled one by one: the worker has not yet seen how far the others are done.
            await second.commit(Batch([again[-1]]))
        assert sorted(payload_of(delivery.event).number for delivery in again) == [0, 39]
        await until_settled(runtime, "g")


async def test_the_last_open_event_ends_the_work_of_the_group(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        # In one partition, or, where there are none, in the queue.
        keys = "a" if bus.capabilities.partitions else KEYS_OF_40
        await publish(runtime, *(Task(key=keys[n % len(keys)], number=n) for n in range(40)))
        first = await runtime.bus.subscribe("g", [Task.type])
        deliveries: list[Delivery] = []
        while len(deliveries) < 40:
            deliveries += await first.fetch(100, 5.0)
        deliveries.sort(key=lambda delivery: payload_of(delivery.event).number)
        await first.commit(Batch(deliveries[1:]))
        await first.close()
        second = await runtime.bus.subscribe("g", [Task.type])
        (open_one,) = await second.fetch(1, 5.0)
        await second.commit(Batch([open_one]))
        assert await second.fetch(100, 0.1) == []
        await until_settled(runtime, "g")
