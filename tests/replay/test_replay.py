"""Replaying what a change made stale: exactly that, by event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lineal.bus.protocol import Selection
from lineal.dead_letters import LetterFilter, redrive, waiting_letters
from lineal.erasure.erase import erase, plan_erasure
from lineal.errors import UnknownTopic
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Stage, fan_in, stage
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
from tests.replay.versions import live, recording, stale


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
