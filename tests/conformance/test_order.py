"""Order within a key, independence between keys, and bounds on what is held in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lineal.bus.protocol import Delivery, TopicSettings
from lineal.stages import Stage, stage
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    running,
    until,
    until_settled,
)
from tests.conformance.workload import Done, Task


def doing(act: Callable[[Task], Awaitable[None]]) -> Stage:
    """A stage that does something with each task."""

    @stage("do", version="1", produces=Done)
    async def do(task: Task, ctx: Any) -> Done:
        await act(task)
        return Done(key=task.key, number=task.number)

    return do


async def test_events_of_a_key_pass_a_stage_in_order(bus: BusUnderTest) -> None:
    async def act(task: Task) -> None:
        await asyncio.sleep(0.001 * (task.number % 3))  # later ones could overtake earlier ones

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="abcdef"[n % 6], number=n) for n in range(240)))
        async with running(runtime, doing(act), prefetch=64):
            await until_settled(runtime, "do")
        done = [payload_of(event) for event in await events_on(runtime, Done.type)]
    assert len(done) == 240
    for key in "abcdef":
        numbers = [item.number for item in done if item.key == key]
        assert numbers == sorted(numbers)


async def test_never_two_events_of_a_key_at_once(bus: BusUnderTest) -> None:
    at_work: list[str] = []
    doubled: list[str] = []

    async def act(task: Task) -> None:
        if task.key in at_work:
            doubled.append(task.key)
        at_work.append(task.key)
        await asyncio.sleep(0)
        at_work.remove(task.key)

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in range(90)))
        async with running(runtime, doing(act)):
            await until_settled(runtime, "do")
    assert doubled == []


@pytest.mark.parametrize("slow_keys", [1, 7])
async def test_slow_keys_do_not_hold_others(bus: BusUnderTest, slow_keys: int) -> None:
    """Not even when there is more of them than a worker holds, nor what is published later."""
    free = asyncio.Event()
    finished: list[str] = []

    async def act(task: Task) -> None:
        if task.key.startswith("slow"):
            await free.wait()
        finished.append(task.key)

    async def until_finished(count: int) -> None:
        await until(lambda: len(finished) >= count)

    async with bus.open() as runtime:
        for topic in ("probe", Task.type):
            await runtime.bus.create_topic(topic, TopicSettings(partitions=8))
        # A slow key holds up its partition, in which other keys stand behind it; not the others.
        keys = [f"{n}" for n in range(100)]
        probes = [("probe", event) for event in await _probe(runtime, *keys)]
        places = [place.partition for place in await runtime.bus.publish(probes)]
        held_up = sorted(set(places))[:slow_keys]
        slow = [f"slow {keys[places.index(partition)]}" for partition in held_up]
        probes = [("probe", event) for event in await _probe(runtime, *slow)]
        held_up_by = {place.partition for place in await runtime.bus.publish(probes)}
        quick = [key for key, place in zip(keys, places, strict=True) if place not in held_up_by]
        assert quick
        await publish(runtime, *(Task(key=key, number=n) for key in slow for n in range(40)))
        async with running(runtime, doing(act), prefetch=32):
            for portion in (1, 2, 3):
                await publish(runtime, *(Task(key=key, number=portion) for key in quick))
                await until_finished(portion * len(quick))
            assert not [key for key in finished if key in slow]
            free.set()
            await until_settled(runtime, "do")
    assert len([key for key in finished if key in slow]) == 40 * slow_keys


async def test_there_is_room_left_for_partitions_that_have_nothing_yet(bus: BusUnderTest) -> None:
    bus.require("partitions")
    room = 32
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=8))
        keys = [f"{n}" for n in range(100)]
        await runtime.bus.create_topic("probe", TopicSettings(partitions=8))
        probes = [("probe", event) for event in await _probe(runtime, *keys)]
        places = [place.partition for place in await runtime.bus.publish(probes)]
        empty = places[0]
        key_of = dict(zip(places, keys, strict=True))
        full = [key for partition, key in key_of.items() if partition != empty]
        await publish(runtime, *(Task(key=key, number=n) for key in full for n in range(40)))
        subscription = await runtime.bus.subscribe("g", [Task.type])
        held: list[Delivery] = []
        # Whichever partition the reading begins with.
        for _ in range(8):
            while batch := await subscription.fetch(room - len(held), 0.3):
                held += batch
                assert len(held) < room, "one of them has taken the last of the room"
            subscription.release(held)
            held = []
        await subscription.close()


async def test_transient_errors_are_retried_in_their_lane_and_in_order(bus: BusUnderTest) -> None:
    finished: list[tuple[str, int]] = []
    failures: dict[int, int] = {0: 2, 1: 1, 3: 2}
    others_done = asyncio.Event()

    async def act(task: Task) -> None:
        if task.key == "shaky" and failures.get(task.number):
            failures[task.number] -= 1
            await others_done.wait()
            raise ConnectionError("for a while")
        finished.append((task.key, task.number))
        if len([key for key, _ in finished if key != "shaky"]) == 12:
            others_done.set()

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="shaky", number=n) for n in range(5)))
        await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(12)))
        async with running(runtime, doing(act)):
            await until_settled(runtime, "do")
        assert await events_on(runtime, "dead.do") == []
    assert [number for key, number in finished if key == "shaky"] == [0, 1, 2, 3, 4]
    assert len([key for key, _ in finished[:12] if key != "shaky"]) == 12


async def test_no_more_is_held_than_prefetch_says(bus: BusUnderTest) -> None:
    free = asyncio.Event()
    at_work = 0
    most = 0

    async def act(task: Task) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await free.wait()
        at_work -= 1

    held: list[int] = []
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"{n}", number=n) for n in range(500)))
        async with running(runtime, doing(act), prefetch=20, lanes=7) as runner:
            await until(lambda: at_work == 7)
            for _ in range(50):
                held.append(runner.in_flight)
                await asyncio.sleep(0)
            free.set()
            while await _still(runtime):
                held.append(runner.in_flight)
                await asyncio.sleep(0.005)
        assert len(await events_on(runtime, Done.type)) == 500
    assert max(held) <= 20
    assert most == 7


async def _still(runtime: Any) -> bool:
    return len(await events_on(runtime, Done.type)) < 500


async def _probe(runtime: Any, *keys: str) -> list[Any]:
    from lineal_schemas.envelope import first_event

    return [
        first_event(Task(key=key, number=0), id=f"probe {key}", source="test:probe") for key in keys
    ]


async def test_what_was_begun_before_a_seek_does_not_count_after_it(bus: BusUnderTest) -> None:
    bus.require("seek")
    begun = asyncio.Event()
    free = asyncio.Event()

    async def act(task: Task) -> None:
        if task.number == 1:
            begun.set()
            await free.wait()

    async with bus.open() as runtime:
        (first, *_) = await runtime.bus.publish(
            [(e.type, e) for e in await _probe(runtime, "a", "a", "a")]
        )
        await publish(runtime, *(Task(key="a", number=n) for n in (1, 2)))
        async with running(runtime, doing(act)):
            await begun.wait()
            while len(await events_on(runtime, Done.type)) < 3:
                await asyncio.sleep(0.02)

            async def owner() -> str | None:
                (info,) = [info for info in await runtime.bus.topics() if info.topic == Task.type]
                return info.groups[0].partitions[first.partition].owner

            owned_by = await owner()
            await runtime.bus.seek("do", Task.type, offset=0, time=None)
            while await owner() is None:
                await asyncio.sleep(0.02)
            assert await owner() == owned_by
            free.set()
            await until_settled(runtime, "do")
        done = [payload_of(event).number for event in await events_on(runtime, Done.type)]
    assert done == [0, 0, 0, 0, 0, 0, 1, 2]
