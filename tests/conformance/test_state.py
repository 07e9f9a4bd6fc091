"""What a stage keeps from event to event counts each event once, whoever is killed when."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from lineal.effects.effect import apply
from lineal.effects.timers import TimerSet
from lineal.runtime import Runtime
from lineal.stages import Context, stage
from lineal.stages.state import state_rows
from lineal.stages.timers import TimerClock
from lineal.store.connection import Connection
from lineal_schemas.envelope import first_event
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    records,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Task, count

KEYS = [f"key{n}" for n in range(8)]
EACH = 25


def tasks(bus: BusUnderTest) -> list[Task]:
    return [
        Task(key=KEYS[n % len(KEYS)], number=n, action="stall", scratch=str(bus.scratch))
        for n in range(EACH * len(KEYS))
    ]


async def assert_each_counted_once(runtime: Runtime, total: int) -> None:
    await until_events(runtime, Done.type, total)
    await until_settled(runtime, "count")
    answers: dict[int, set[str]] = {}
    for event in await events_on(runtime, Done.type):
        done = payload_of(event)
        answers.setdefault(done.number, set()).add(done.text)
    assert answers == {n: {str(n // len(KEYS) + 1)} for n in range(total)}


async def test_an_event_published_twice_far_apart_counts_once(bus: BusUnderTest) -> None:
    def task(number: int, key: str = KEYS[0]) -> Task:
        return Task(key=key, number=number, scratch=str(bus.scratch))

    async with bus.open() as runtime:
        await publish(runtime, task(0))
        async with running(runtime, count):
            await until_events(runtime, Done.type, 1)
            await publish(runtime, *(task(n, KEYS[n % 3]) for n in range(1, 10)))
            await until_events(runtime, Done.type, 10)
            await until_settled(runtime, "count")
    async with bus.open() as runtime:
        await publish(runtime, task(0))
        await publish(runtime, task(10))
        async with running(runtime, count):
            await until_events(runtime, Done.type, 11)
            await until_settled(runtime, "count")
        found = [payload_of(event) for event in await events_on(runtime, Done.type)]
    # Of its key 0, 3, 6 and 9 came before.
    assert {done.text for done in found if done.number == 10} == {"5"}
    assert {done.text for done in found if done.number == 0} == {"1"}


@stage("after", version="1", memo=False)
async def after(done: Done, ctx: Context[Any]) -> None:
    ctx.annotate(text=done.text)


async def test_events_of_two_sources_with_one_id_are_two_and_so_is_what_is_made_of_them(
    bus: BusUnderTest,
) -> None:
    task = Task(key=KEYS[0], number=1, scratch=str(bus.scratch))
    events = [first_event(task, id="17", source=source) for source in ("shop:x", "shop:y")]
    async with bus.open() as runtime:
        await runtime.bus.publish([(Task.type, event) for event in (*events, events[0])])
        async with running(runtime, count), running(runtime, after):
            await until_events(runtime, Done.type, 2)
            for name in ("count", "after"):
                await until_settled(runtime, name)
        steps = await records(runtime, events[0].correlationid)
        counted = [step.attributes["text"] for step in steps if "text" in step.attributes]
        assert sorted(counted) == ["1", "2"]


async def test_state_is_there_for_the_next_event_and_after_a_restart(bus: BusUnderTest) -> None:
    work = tasks(bus)
    half = len(work) // 2
    async with bus.open() as runtime:
        await publish(runtime, *work[:half])
        async with running(runtime, count):
            await until_events(runtime, Done.type, half)
            await until_settled(runtime, "count")
    async with bus.open() as runtime:
        await publish(runtime, *work[half:])
        async with running(runtime, count):
            await assert_each_counted_once(runtime, len(work))


@stage("together", version="1", memo=False)
async def together(task: Task, ctx: Context[Any]) -> None:
    """One key of state for the tasks of all partition keys: they get in each other's way."""
    seen = await ctx.state.get("all", int) or 0
    await asyncio.sleep(0.001)
    await ctx.state.put("all", seen + 1)


async def test_events_that_change_one_key_at_the_same_time_are_all_counted(
    bus: BusUnderTest,
) -> None:
    work = tasks(bus)[:48]
    async with bus.open() as runtime:
        await publish(runtime, *work)
        async with running(runtime, together):
            await until_settled(runtime, "together")
        await runtime.flush_ledger()
        ((_, row),) = await runtime.store.read(lambda c: state_rows(c, "together", ""))
        assert row.after == b"48"
        assert await events_on(runtime, "dead.together") == []


@pytest.mark.parametrize(
    "seed", [5, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(10, 20))]
)
async def test_an_event_counts_once_though_its_worker_was_killed(
    bus: BusUnderTest, seed: int
) -> None:
    work = tasks(bus)
    for number in (30, 90):
        work[number] = work[number].model_copy(update={"action": "crash-once"})
    draw = random.Random(seed)
    async with bus.open() as runtime:
        await publish(runtime, *work)
        worker = bus.spawn_worker("count", prefetch=30, lanes=8)
        kills = 0
        while len(await events_on(runtime, Done.type)) < len(work):
            if not worker.running:
                worker = bus.spawn_worker("count", prefetch=30, lanes=8)
            elif kills < 2:
                await worker.ready()
                await asyncio.sleep(draw.uniform(0, 0.15))
                worker.discard()  # kill -9; now and then between the commits of store and bus
                kills += 1
            await asyncio.sleep(0.05)
        await assert_each_counted_once(runtime, len(work))


async def test_events_of_one_key_count_once_though_many_are_committed_together(
    bus: BusUnderTest,
) -> None:
    work = [
        Task(
            key=KEYS[n % 2], number=n, action="stall" if n % 5 else "pass", scratch=str(bus.scratch)
        )
        for n in range(120)
    ]
    work[50] = work[50].model_copy(update={"action": "crash-once"})
    draw = random.Random(22)
    async with bus.open() as runtime:
        await publish(runtime, *work)
        worker = bus.spawn_worker("count", prefetch=60, lanes=8)
        kills = 0
        while len(await events_on(runtime, Done.type)) < len(work):
            if not worker.running:
                worker = bus.spawn_worker("count", prefetch=60, lanes=8)
            elif kills < 3:
                await worker.ready()
                await asyncio.sleep(draw.uniform(0, 0.3))
                worker.discard()  # kill -9; now and then between the commits of store and bus
                kills += 1
            await asyncio.sleep(0.05)
        await until_settled(runtime, "count")
        answers: dict[int, set[str]] = {}
        for event in await events_on(runtime, Done.type):
            done = payload_of(event)
            answers.setdefault(done.number, set()).add(done.text)
        assert answers == {n: {str(n // 2 + 1)} for n in range(len(work))}
        await runtime.flush_ledger()
        steps = await records(runtime, f"task:{KEYS[0]}")
        assert len({step.events_in for step in steps}) == len(work) // 2


async def test_timers_are_published_once_by_however_many_workers(bus: BusUnderTest) -> None:
    events = [
        first_event(Task(key=KEYS[n % len(KEYS)], number=n), id=f"timer-{n}", source="test:timer")
        for n in range(60)
    ]
    timers = [TimerSet("count", e.id, 1, e.to_json(exact=True)) for e in events]
    async with bus.open() as first, bus.open() as second:
        await first.bus.create_topic(Task.type)
        await first.store.write(lambda connection: apply(connection, timers))

        async def work(runtime: Runtime) -> None:
            clock = TimerClock(runtime.store, runtime.bus, ["count"])
            while await runtime.store.read(_timers_left):
                await clock.look()

        async with running(first, count):
            await asyncio.gather(work(first), work(second))
            await until_events(first, Done.type, len(events))
            await until_settled(first, "count")
        found = [payload_of(event).number for event in await events_on(first, Done.type)]
        assert sorted(found) == list(range(len(events)))


def _timers_left(connection: Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM timers").fetchone()
    return int(count)
