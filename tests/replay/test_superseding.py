"""What is made anew takes the place of what was made before, and says of which event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Context, Stage, stage
from lineal.stages.pipeline import invocation
from lineal.stages.timers import TimerClock
from lineal.store.connection import Connection
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.withdrawals import OutputsWithdrawn
from tests.conformance.harness import (
    events_on,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Joined, Task
from tests.replay.versions import Config, counted, live, made_by, recording, stale


async def test_what_is_made_anew_says_which_older_event_it_takes_the_place_of(
    runtime: Runtime,
) -> None:
    """Whoever counted that one can undo it: a sum of what was done stays right."""

    @stage("total", version="1", produces=Joined, memo=False)
    async def total(done: Done, ctx: Context) -> None:
        if ctx.event.supersedes is not None:
            await ctx.state.delete(f"counted {ctx.event.supersedes}")
        await ctx.state.put(f"counted {ctx.event.id}", done.number)

    def twice(version: str, outputs: int = 2) -> Stage:
        @stage("twice", version=version, produces=Done)
        async def made(task: Task) -> list[Done]:
            return [Done(key=task.key, number=task.number, text=version)] * outputs

        return made

    await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(4)))
    await live(runtime, twice("1"))
    first = await made_by(runtime, "1")
    assert {event.supersedes for event in first} == {None}
    older = {(event.causationid, n % 2): event.id for n, event in enumerate(first)}
    await live(runtime, total)
    assert await stale(runtime, twice("2", outputs=3)) == 4
    await live(runtime, total)
    newer = await made_by(runtime, "2")
    for place in range(3):
        named = {event.causationid: event.supersedes for event in newer[place::3]}
        assert named == {cause: older.get((cause, place)) for cause in named}
    assert sorted(await counted(runtime)) == sorted(event.id for event in newer)
    assert await stale(runtime, twice("3")) == 4
    newest = {event.supersedes for event in await made_by(runtime, "3")}
    assert newest == {event.id for n, event in enumerate(newer) if n % 3 < 2}, "not the first"


async def test_what_is_made_again_under_the_same_id_takes_no_place(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, Task(key="a", number=1))
    await live(runtime, recording("1", handled))
    runtime.settings.stages["copy"] = {"depth": 5}
    assert await stale(runtime, recording("1", handled)) == 1
    first, again = await events_on(runtime, Done.type)
    assert (again.id, again.supersedes) == (first.id, None)


async def test_what_an_earlier_lineal_made_without_looking_at_the_source_is_named(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[tuple[str, int]] = []
    task = Task(key="a", number=1)
    events = [first_event(task, id="1", source=source) for source in ("shop:x", "shop:y")]
    with monkeypatch.context() as earlier:
        earlier.setattr(invocation, "source_mark", lambda event_id, source: None)
        await runtime.bus.publish([(Task.type, events[0])])
        await live(runtime, recording("1", handled))
    await runtime.bus.publish([(Task.type, events[1])])
    await live(runtime, recording("1", handled))
    old, of_y = await made_by(runtime, "1")
    plan = await plan_replay(runtime, recording("1", handled), Selection())
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    again_x, again_y = (await made_by(runtime, "1"))[2:]
    assert again_x.id not in (old.id, of_y.id)
    assert (again_x.supersedes, again_y.id, again_y.supersedes) == (old.id, of_y.id, None)
    assert await events_on(runtime, OutputsWithdrawn.type) == []


async def test_other_data_under_the_same_id_counts_again_and_again_when_set_back(
    runtime: Runtime,
) -> None:
    """Another model, code or configuration of a version makes other data: what follows shows it."""
    shown: list[str] = []

    @stage("deep", version="1", produces=Done, config=Config)
    async def deep(task: Task, ctx: Any) -> Done:
        return Done(key=task.key, number=task.number, text=f"depth {ctx.config.depth}")

    @stage("shown", version="1", memo=False)
    async def show(done: Done) -> None:
        shown.append(done.text)

    await publish(runtime, Task(key="a", number=1))
    await live(runtime, deep)
    await live(runtime, show)
    for depth in (2, 1, 2):
        runtime.settings.stages["deep"] = {"depth": depth}
        assert await stale(runtime, deep) == 1
        assert await stale(runtime, deep) == 0
        await live(runtime, show)
    assert shown == ["depth 1", "depth 2", "depth 1", "depth 2"]
    events = await events_on(runtime, Done.type)
    assert len({event.id for event in events}) == 1
    assert len({event.supersedes for event in events}) == 4


async def test_stages_that_follow_pass_on_what_is_superseded(runtime: Runtime) -> None:
    """What is counted behind two stages stays right when the first is replayed."""

    def named(version: str) -> Stage:
        @stage("named", version=version, produces=Joined)
        async def made(task: Task) -> list[Joined]:
            names = [f"{task.key}{n} of {version}" for n in range(2)]
            return [Joined(key=task.key, group_id=name, indexes=()) for name in names]

        return made

    @stage("priced", version="1", produces=Done)
    async def priced(joined: Joined) -> list[Done]:
        each = 1 if joined.group_id.endswith("2") else 2
        return [Done(key=joined.key, number=n, text=joined.group_id) for n in range(each)]

    await publish(runtime, Task(key="a", number=1), Task(key="b", number=2))
    await live(runtime, named("1"))
    await live(runtime, priced)
    seen = 0
    counted: set[str] = set()
    for version, each in (("1", 2), ("2", 1), ("3", 2), ("2", 1)):
        await stale(runtime, named(version))
        await live(runtime, priced)
        made = await events_on(runtime, Done.type)
        for event in made[seen:]:
            counted.discard(event.supersedes or "")
            counted.add(event.id)
        seen = len(made)
        for event in await events_on(runtime, OutputsWithdrawn.type):
            withdrawn = payload_of(event).outputs
            counted.difference_update(output.id for output in withdrawn if each == 1)
        held = [payload_of(event).text for event in made if event.id in counted]
        expected = [f"{key}{n} of {version}" for key in "ab" for n in range(2) for _ in range(each)]
        assert sorted(set(held)) == sorted(set(expected))
        assert len(counted) == len(expected)


async def test_going_back_and_forth_between_versions_counts_each_time(runtime: Runtime) -> None:
    shown: list[str] = []

    def version(number: str) -> Stage:
        @stage("made", version=number, produces=Done)
        async def made(task: Task) -> Done:
            return Done(key=task.key, number=task.number, text=number)

        return made

    @stage("shown", version="1", memo=False)
    async def show(done: Done) -> None:
        shown.append(done.text)

    await publish(runtime, Task(key="a", number=1))
    await live(runtime, version("1"))
    await live(runtime, show)
    for number in ("2", "1", "2", "3", "1", "2"):
        assert await stale(runtime, version(number)) == 1
        await live(runtime, show)
    assert shown == ["1", "2", "1", "2", "3", "1", "2"]


async def test_what_is_being_made_of_an_event_while_it_is_withdrawn_is_found_later(
    runtime: Runtime,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    def splitting(version: str, outputs: int) -> Stage:
        @stage("split", version=version, produces=Done)
        async def split(task: Task) -> list[Done]:
            return [Done(key="other", number=task.number)] * outputs

        return split

    @stage("slow", version="1", produces=Joined)
    async def slow(done: Done) -> Joined:
        begun.set()
        await go_on.wait()
        return Joined(key=done.key, group_id="", indexes=())

    await publish(runtime, Task(key="a", number=1))
    await live(runtime, splitting("1", 1))
    async with running(runtime, slow):
        await begun.wait()
        await stale(runtime, splitting("2", 0))
        async with asyncio.timeout(20):
            while not await runtime.store.read(_timers):
                await asyncio.sleep(0.02)
        go_on.set()
        await until_settled(runtime, "slow")
        (made,) = await events_on(runtime, Joined.type)
        assert len(await events_on(runtime, OutputsWithdrawn.type)) == 1, "of the first stage"
        later = now_us() + 2 * 3_600_000_000
        assert not await TimerClock(runtime.store, runtime.bus, ["slow"], lambda: later).look()
        _, passed_on = await until_events(runtime, OutputsWithdrawn.type, 2)
        assert [output.id for output in payload_of(passed_on).outputs] == [made.id]
        await until_settled(runtime, "slow")
    assert not await runtime.store.read(_timers)


def _timers(connection: Connection) -> int:
    (number,) = connection.execute("SELECT count(*) FROM timers").fetchone()
    return int(number)
