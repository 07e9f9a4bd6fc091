"""Handling events again, without disturbing what is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.bus.protocol import Selection
from lineal.errors import NotOffered
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Context, Stage, stage
from lineal_schemas.envelope import now_us
from lineal_schemas.withdrawals import OutputsWithdrawn
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    lag,
    payload_of,
    publish,
    records,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Joined, Task


def counting(handled: list[int], version: str = "1", memo: bool = True) -> Stage:
    """A stage that counts how often it is called."""

    @stage("count", version=version, produces=Done, memo=memo)
    async def count(task: Task, ctx: Any) -> Done:
        handled.append(task.number)
        return Done(key=task.key, number=task.number)

    return count


async def replay(runtime: Runtime, stage: Stage, selection: Selection, stale: bool = False) -> int:
    plan = await plan_replay(runtime, stage, selection, stale=stale)
    settled = 0

    def progress(outcomes: Mapping[str, int]) -> None:
        nonlocal settled
        settled += sum(outcomes.values())

    await run_replay(runtime, plan, NoWorkers(), progress)
    assert settled == plan.events
    return settled


async def test_a_replay_takes_exactly_what_is_selected(bus: BusUnderTest) -> None:
    handled: list[int] = []
    begin = now_us() - 1_000_000
    async with bus.open() as runtime:
        for number in range(10):
            await publish(runtime, Task(key="ab"[number % 2], number=number), time=begin + number)
        counted = counting(handled, memo=False)
        found = [d async for d in runtime.bus.read(Task.type)]
        offsets = {payload_of(d.event).number: d.position.offset for d in found}
        part = Selection(key="a", from_offset=offsets[4], to_offset=offsets[8])
        by_offset = [(part, [4, 6])]
        for selection, expected in [
            (Selection(), list(range(10))),
            (Selection(from_time=begin + 7), [7, 8, 9]),
            (Selection(to_time=begin + 3), [0, 1, 2]),
            (Selection(key="b"), [1, 3, 5, 7, 9]),
            *(by_offset if bus.capabilities.seek else []),
            (Selection(key="nobody"), []),
        ]:
            handled.clear()
            assert await replay(runtime, counted, selection) == len(expected)
            assert sorted(handled) == expected


async def test_partitions_read_apart_are_the_topic(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"key-{n % 9}", number=n) for n in range(60)))
        if not bus.capabilities.partitions:
            with pytest.raises(NotOffered):
                await anext(runtime.bus.read(Task.type, Selection(partitions=frozenset([0]))))
            return
        (partitions,) = [i.partitions for i in await runtime.bus.topics() if i.topic == Task.type]
        found = {
            part: [
                (payload_of(delivery.event).key, payload_of(delivery.event).number)
                async for delivery in runtime.bus.read(
                    Task.type, Selection(partitions=frozenset(range(part, partitions, 2)))
                )
            ]
            for part in (0, 1)
        }
    assert sorted(number for part in found.values() for _, number in part) == list(range(60))
    assert {key for key, _ in found[0]}.isdisjoint(key for key, _ in found[1])


async def test_a_replay_keeps_the_order_of_each_key(bus: BusUnderTest) -> None:
    handled: list[int] = []
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in range(60)))
        await replay(runtime, counting(handled, memo=False), Selection())
    for key in range(3):
        numbers = [number for number in handled if number % 3 == key]
        assert numbers == sorted(numbers) and len(numbers) == 20


async def test_a_replay_does_not_move_the_live_group(bus: BusUnderTest) -> None:
    handled: list[int] = []
    async with bus.open() as runtime:
        counted = counting(handled, memo=False)
        await publish(runtime, *(Task(key="a", number=n) for n in range(5)))
        async with running(runtime, counted):
            await until_settled(runtime, "count")
        await publish(runtime, *(Task(key="a", number=n) for n in range(5, 8)))
        assert await lag(runtime, "count") == 3
        assert await replay(runtime, counted, Selection()) == 8
        assert await lag(runtime, "count") == 3
        handled.clear()
        async with running(runtime, counted):
            await until_settled(runtime, "count")
        assert handled == [5, 6, 7]


async def test_a_replay_beside_the_live_group(bus: BusUnderTest) -> None:
    handled: list[int] = []
    async with bus.open() as runtime:
        counted = counting(handled, memo=False)
        await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in range(30)))
        async with running(runtime, counted):
            await until_settled(runtime, "count")
            await replay(runtime, counted, Selection())
            await publish(runtime, Task(key="a", number=30))
            await until_events(runtime, Done.type, 61)
        assert len(handled) == 61


async def test_work_that_is_remembered_is_not_done_again(bus: BusUnderTest) -> None:
    handled: list[int] = []
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(5)))
        async with running(runtime, counting(handled)):
            await until_settled(runtime, "count")
        first = await events_on(runtime, Done.type)
        await replay(runtime, counting(handled), Selection())
        again = (await events_on(runtime, Done.type))[len(first) :]
        found = await records(runtime, "task:a")
    assert handled == [0, 1, 2, 3, 4]
    assert [event.id for event in again] == [event.id for event in first]
    assert [event.data for event in again] == [event.data for event in first]
    assert [record.outcome for record in found] == ["done"] * 5 + ["memoised"] * 5
    steps, replayed = found[:5], found[5:]
    assert {record.kind for record in replayed} == {"replay"}
    assert [record.step for record in replayed] == [record.step for record in steps]
    assert [record.events_in for record in replayed] == [record.events_in for record in steps]
    assert [record.events_out for record in replayed] == [(event.id,) for event in first]


async def test_all_events_of_a_key_are_stale_when_the_version_is_raised(bus: BusUnderTest) -> None:
    """Eleven orders of each of three customers are thirty-three events."""
    handled: list[int] = []
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in range(33)))
        async with running(runtime, counting(handled)):
            await until_settled(runtime, "count")
        await publish(runtime, Task(key="a", number=33))
        async with running(runtime, counting(handled, version="2")):
            await until_settled(runtime, "count")
        handled.clear()
        newer = counting(handled, version="2")
        assert await replay(runtime, newer, Selection(), stale=True) == 33
        assert sorted(handled) == list(range(33))
        assert await replay(runtime, newer, Selection(), stale=True) == 0


async def test_a_newer_version_does_the_work_anew_under_new_ids(bus: BusUnderTest) -> None:
    handled: list[int] = []
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
        async with running(runtime, counting(handled)):
            await until_settled(runtime, "count")
        await replay(runtime, counting(handled, version="2"), Selection())
        done = await events_on(runtime, Done.type)
    assert handled == [0, 1, 2, 0, 1, 2]
    assert len({event.id for event in done}) == 6
    assert [payload_of(event).number for event in done] == handled
    older = [event.id for event in done[:3]]
    assert [event.supersedes for event in done] == [None, None, None, *older]


async def test_a_replay_is_on_record(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, Task(key="a", number=0))
        await replay(runtime, counting([]), Selection())
        found = await records(runtime, "stage:count")
    (record,) = found
    assert record.kind == "replay"
    assert record.actor.startswith("user:")
    assert record.attributes == {"events": 1, "stage": "count", "version": "1"}


class Tally(BaseModel):
    """What a downstream system knows that counts events, of two topics in any order."""

    made: dict[str, int] = {}
    """When each event was made last, by its id."""
    gone: dict[str, int] = {}
    """When each was replaced or withdrawn last."""

    @property
    def counted(self) -> set[str]:
        return {id for id, made in self.made.items() if made > self.gone.get(id, -1)}


async def note_made(ctx: Context) -> None:
    tally = await ctx.state.get("all", Tally) or Tally()
    tally.made[ctx.event.id] = ctx.event.time
    if ctx.event.supersedes is not None:
        tally.gone[ctx.event.supersedes] = ctx.event.time
    await ctx.state.put("all", tally)


async def take_back(withdrawn: OutputsWithdrawn, ctx: Context) -> None:
    tally = await ctx.state.get("all", Tally) or Tally()
    tally.gone.update({output.id: ctx.event.time for output in withdrawn.outputs})
    await ctx.state.put("all", tally)


@stage("total", version="1", memo=False)
async def total(done: Done, ctx: Context) -> None:
    await note_made(ctx)


@stage("total", version="1", memo=False)
async def total_joined(joined: Joined, ctx: Context) -> None:
    await note_made(ctx)


total.on(take_back)
total_joined.on(take_back)


async def counted(runtime: Runtime) -> set[str]:
    """What the stage counts."""
    ((kept,),) = await runtime.store.read(
        lambda c: c.execute("SELECT after FROM state WHERE stage = 'total'").fetchall()
    )
    return Tally.model_validate_json(bytes(kept)).counted


async def test_what_a_newer_version_makes_no_more_is_withdrawn(bus: BusUnderTest) -> None:
    def splitting(version: str, outputs: Callable[[Task], int]) -> Stage:
        @stage("split", version=version, produces=Done)
        async def split(task: Task) -> list[Done]:
            return [Done(key=task.key, number=task.number, text=version)] * outputs(task)

        return split

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=number) for number in range(3)))
        async with running(runtime, splitting("1", lambda task: 3)):
            await until_settled(runtime, "split")
        first = await events_on(runtime, Done.type)
        await replay(runtime, splitting("2", lambda task: 2 if task.number else 0), Selection())
        newer = (await events_on(runtime, Done.type))[9:]
        withdrawals = await events_on(runtime, OutputsWithdrawn.type)
        named = [(w.id, w.type) for event in withdrawals for w in payload_of(event).outputs]
        assert len(newer) == 4
        replaced = {event.supersedes for event in newer}
        assert sorted(named) == sorted((e.id, e.type) for e in first if e.id not in replaced)
        await replay(runtime, splitting("2", lambda task: 2 if task.number else 0), Selection())
        assert len(await events_on(runtime, OutputsWithdrawn.type)) == 3, "nothing new to say"
        async with running(runtime, total):
            await until_settled(runtime, "total")
            assert await counted(runtime) == {event.id for event in newer}
            # Set back: under their old ids the events of before count again.
            await replay(runtime, splitting("1", lambda task: 3), Selection())
            await until_settled(runtime, "total")
            assert await counted(runtime) == {event.id for event in first}


async def test_what_follows_from_withdrawn_events_is_withdrawn_too(bus: BusUnderTest) -> None:
    """Also by stages that had not handled them yet, and however often a withdrawal comes."""

    def splitting(version: str, outputs: int) -> Stage:
        @stage("split", version=version, produces=Done)
        async def split(task: Task) -> list[Done]:
            return [Done(key=f"{task.key}-{n}", number=n, text=version) for n in range(outputs)]

        return split

    def following(name: str, memo: bool) -> Stage:
        @stage(name, version="1", produces=Joined, memo=memo)
        async def follow(done: Done) -> Joined:
            return Joined(key="a", group_id=f"{name} {done.number} of {done.text}", indexes=())

        return follow

    async def held(runtime: Runtime) -> list[str]:
        for group in (*names, "total"):
            await until_settled(runtime, group)
        found = {event.id: payload_of(event) for event in await events_on(runtime, Joined.type)}
        return sorted(found[event_id].group_id for event_id in await counted(runtime))

    def expected(version: str, outputs: int) -> list[str]:
        return sorted(f"{name} {n} of {version}" for name in names for n in range(outputs))

    names = ["live"]
    async with bus.open() as runtime, AsyncExitStack() as daemons:
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, splitting("1", 3)):
            await until_settled(runtime, "split")
        for follower in (following("live", True), total_joined):
            await daemons.enter_async_context(running(runtime, follower))
        assert await held(runtime) == expected("1", 3)
        await replay(runtime, splitting("2", 1), Selection())
        await daemons.enter_async_context(running(runtime, following("late", False)))
        names.append("late")
        assert await held(runtime) == expected("2", 1)
        withdrawals = await events_on(runtime, OutputsWithdrawn.type)
        assert {w.partitionkey for w in withdrawals} == {"a"}
        await runtime.bus.publish([(w.type, w._replace(time=w.time + 1)) for w in withdrawals])
        assert await held(runtime) == expected("2", 1)
        known = {event.id for event in withdrawals}
        assert known == {event.id for event in await events_on(runtime, OutputsWithdrawn.type)}
        await replay(runtime, splitting("1", 3), Selection())
        assert await held(runtime) == expected("1", 3), "what is made again counts again"
