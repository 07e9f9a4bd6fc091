"""Replaying what a change made stale: exactly that, by event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.bus.protocol import Selection
from lineal.dead_letters import LetterFilter, redrive, waiting_letters
from lineal.erasure.erase import erase, plan_erasure
from lineal.errors import UnknownTopic
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Context, Stage, fan_in, stage
from lineal.stages.pipeline import invocation
from lineal.stages.state import StoredState
from lineal.stages.timers import TimerClock
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.withdrawals import OutputsWithdrawn
from tests.conformance.harness import (
    events_on,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Joined, Piece, Task


class Config(BaseModel):
    depth: int = 1


def recording(version: str, handled: list[tuple[str, int]], broken: bool = False) -> Stage:
    @stage("copy", version=version, produces=Done, config=Config)
    async def copy(task: Task, ctx: Any) -> Done:
        handled.append((task.key, task.number))
        if broken:
            raise ValueError("broken")
        return Done(key=task.key, number=task.number, text=version)

    return copy


async def counted(runtime: Runtime) -> list[str]:
    rows = await StoredState(runtime.store).rows("total", "counted ")
    return [key.removeprefix("counted ") for key, row in rows if row.after is not None]


async def made_by(runtime: Runtime, version: str) -> list[RawEvent]:
    events = await events_on(runtime, Done.type)
    return [event for event in events if payload_of(event).text == version]


async def live(runtime: Runtime, declared: Stage) -> None:
    async with running(runtime, declared):
        await until_settled(runtime, declared.name)


async def stale(runtime: Runtime, declared: Stage) -> int:
    plan = await plan_replay(runtime, declared, Selection(), stale=True)
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    return plan.events


async def test_exactly_what_an_older_version_made(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(6)))
    await live(runtime, recording("1", handled))
    await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(6, 9)))
    await live(runtime, recording("2", handled))
    handled.clear()
    assert await stale(runtime, recording("2", handled)) == 6
    assert sorted(handled) == [(f"k{n}", n) for n in range(6)]
    handled.clear()
    assert await stale(runtime, recording("2", handled)) == 0, "nothing is stale any more"
    assert handled == []
    assert await stale(runtime, recording("1", handled)) == 9, "going back makes all of it stale"


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


async def test_a_changed_configuration_makes_stale_and_changing_it_back_is_remembered(
    runtime: Runtime,
) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(3)))
    await live(runtime, recording("1", handled))
    runtime.settings.stages["copy"] = {"depth": 5}
    assert await stale(runtime, recording("1", handled)) == 3
    runtime.settings.stages["copy"] = {}
    assert await stale(runtime, recording("1", handled)) == 3
    assert len(handled) == 6, "the way back was known already"
    assert await stale(runtime, recording("1", handled)) == 0


async def test_every_event_of_a_key_is_stale_not_only_its_newest(runtime: Runtime) -> None:
    """Orders of two customers: each is an event of its own, whatever is kept in order."""
    handled: list[tuple[str, int]] = []
    await publish(runtime, *(Task(key="ab"[n % 2], number=n) for n in range(7)))
    await live(runtime, recording("1", handled))
    handled.clear()
    assert await stale(runtime, recording("2", handled)) == 7
    assert sorted(handled) == sorted(("ab"[n % 2], n) for n in range(7))
    assert await stale(runtime, recording("2", handled)) == 0


def counting(version: str, handled: list[str]) -> Stage:
    @stage("count", version=version)
    async def count(done: Done, ctx: Any) -> None:
        handled.append(f"{done.number}{done.text}")

    return count


async def test_what_was_made_anew_since_is_not_replayed_over_the_newer(runtime: Runtime) -> None:
    """An event of the old version of the stage before, handled late, would undo the newer one."""
    handled: list[str] = []
    await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
    await live(runtime, recording("1", []))
    await live(runtime, counting("1", handled))
    assert await stale(runtime, recording("2", [])) == 3
    handled.clear()
    await live(runtime, counting("2", handled))
    assert handled == ["02", "12", "22"]
    handled.clear()
    assert await stale(runtime, counting("2", handled)) == 0, "the three of before are out of date"
    assert await stale(runtime, counting("3", handled)) == 3
    assert handled == ["02", "12", "22"]
    assert await stale(runtime, recording("1", [])) == 3
    await live(runtime, counting("3", handled))
    handled.clear()
    assert await stale(runtime, counting("4", handled)) in (3, 6)
    assert set(handled) == {"01", "11", "21"}, "made again, what was before is the newest"


async def test_a_selection_narrows_what_is_stale(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, *(Task(key="ab"[n % 2], number=n) for n in range(4)))
    await live(runtime, recording("1", handled))
    plan = await plan_replay(runtime, recording("2", handled), Selection(key="a"), stale=True)
    assert plan.events == 2


async def test_what_failed_is_stale_for_another_version(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, Task(key="a", number=0))
    await live(runtime, recording("1", handled, broken=True))
    assert await stale(runtime, recording("1", handled)) == 0, "to be redriven, not replayed"
    assert await stale(runtime, recording("2", handled)) == 1
    assert [payload_of(event).text for event in await events_on(runtime, Done.type)] == ["2"]


async def test_an_event_that_fails_again_in_a_replay_is_to_be_decided_on_again(
    runtime: Runtime,
) -> None:
    await publish(runtime, Task(key="a", number=0))
    await live(runtime, recording("1", [], broken=True))
    (letter,) = await waiting_letters(runtime, LetterFilter())
    await redrive(runtime, [letter])
    await live(runtime, recording("1", []))
    assert await waiting_letters(runtime, LetterFilter()) == []
    runtime.settings.retry.attempts = 1
    await stale(runtime, recording("2", [], broken=True))
    (again,) = await waiting_letters(runtime, LetterFilter())
    assert again.event == letter.event


async def test_parts_of_a_whole_are_replayed_together(runtime: Runtime) -> None:
    made: list[tuple[str, ...]] = []

    def joining(version: str) -> Stage:
        @fan_in("unite", version=version, produces=Joined)
        async def unite(parts: Sequence[Piece], ctx: Any) -> Joined:
            made.append(tuple(f"{part.group_id}/{part.index}" for part in parts))
            return Joined(key=parts[0].key, group_id=parts[0].group_id, indexes=())

        return unite

    for group_id, key in [("w1", "a"), ("w2", "b")]:
        await publish(
            runtime, *(Piece(group_id=group_id, index=n, count=3, key=key) for n in range(3))
        )
    await live(runtime, joining("1"))
    made.clear()
    assert await stale(runtime, joining("2")) == 6
    assert sorted(made) == [("w1/0", "w1/1", "w1/2"), ("w2/0", "w2/1", "w2/2")]
    assert await stale(runtime, joining("2")) == 0


async def test_a_stage_that_feeds_itself_does_not_do_so_in_a_replay(runtime: Runtime) -> None:
    handled: list[int] = []

    def chain(version: str) -> Stage:
        @stage("chain", version=version, produces=(Task, Done), memo=False)
        async def run(task: Task, ctx: Any) -> list[Task | Done]:
            number = task.number
            handled.append(number)
            done = Done(key="a", number=number)
            following = Task(key=f"k{number + 1}", number=number + 1)
            return [done, following] if number < 3 else [done]

        return run

    await publish(runtime, Task(key="k0", number=0))
    async with running(runtime, chain("1")):
        await until_events(runtime, Done.type, 4)
        await until_settled(runtime, "chain")
    assert handled == [0, 1, 2, 3]
    handled.clear()
    assert await stale(runtime, chain("2")) == 4
    assert sorted(handled) == [0, 1, 2, 3]
    assert len(await events_on(runtime, Task.type)) == 4
    assert len(await events_on(runtime, Done.type)) == 8
    assert await stale(runtime, chain("3")) == 4


async def test_a_dry_run_does_nothing(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, Task(key="a", number=0))
    plan = await plan_replay(runtime, recording("1", handled), Selection())
    assert (plan.events, handled) == (1, [])
    assert await events_on(runtime, Done.type) == []


async def test_a_topic_nobody_made_cannot_be_replayed(runtime: Runtime) -> None:
    with pytest.raises(UnknownTopic):
        await plan_replay(runtime, recording("1", []), Selection())
    assert (await plan_replay(runtime, recording("1", []), Selection(), stale=True)).events == 0


async def test_what_comes_during_a_replay_is_left_to_the_live_group(runtime: Runtime) -> None:
    handled: list[tuple[str, int]] = []
    await publish(runtime, *(Task(key=f"k{n}", number=n) for n in range(3)))
    plan = await plan_replay(runtime, recording("1", handled), Selection())
    await publish(runtime, Task(key="late", number=9))
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    assert sorted(handled) == [("k0", 0), ("k1", 1), ("k2", 2)]


async def test_a_newer_version_is_replayed_on_what_is_not_erased(runtime: Runtime) -> None:
    await publish(runtime, Task(key="ann", number=1), Task(key="bob", number=2))
    await live(runtime, recording("1", []))
    await erase(runtime, await plan_erasure(runtime, ["task:ann"]), "she asked for it")
    plan = await plan_replay(runtime, recording("2", []), Selection())
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    made = [event for event in await events_on(runtime, Done.type) if event.type == Done.type]
    assert [payload_of(event).text for event in made] == ["1", "2"]
    assert {payload_of(event).key for event in made} == {"bob"}
    assert await events_on(runtime, OutputsWithdrawn.type) == []


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
