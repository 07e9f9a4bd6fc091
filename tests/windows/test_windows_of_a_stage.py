"""Windows that a stage keeps: a replay comes to the same, and state goes when nothing comes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

from lineal import Context, stage
from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers
from lineal.testing import StageHarness
from lineal.windows import Session, Windows
from lineal_schemas.envelope import first_event
from lineal_schemas.payload import Payload
from tests.conformance.harness import events_on

SECOND = 1_000_000


class Visited(Payload, type="windows.visited", version=1):
    user: str
    at_us: int

    def partition_key(self) -> str:
        return self.user


class SittingDue(Payload, type="windows.sitting_due", version=1):
    user: str

    def partition_key(self) -> str:
        return self.user


class Sat(Payload, type="windows.sat", version=1):
    user: str
    begin: int
    visits: int
    revision: int


SITTINGS: Windows[Visited, int] = Windows(
    Session(timedelta(seconds=20)),
    int,
    start=int,
    add=lambda count, visit: count + 1,
    merge=lambda one, other: one + other,
    lateness=timedelta(seconds=5),
    kept=timedelta(seconds=60),
    due=lambda user: SittingDue(user=user),
)


@stage("sittings", version="1", produces=Sat, memo=False)
async def sittings(visit: Visited, ctx: Context) -> list[Sat]:
    added = await SITTINGS.add(ctx, visit.user, visit, visit.at_us)
    return [Sat(user=visit.user, begin=w.begin, visits=w.value, revision=w.revision)
            for w in added.windows]  # fmt: skip


@sittings.on
async def over(due: SittingDue, ctx: Context) -> list[Sat]:
    return [Sat(user=due.user, begin=w.begin, visits=w.value, revision=w.revision)
            for w in await SITTINGS.advance(ctx, due.user)]  # fmt: skip


async def test_a_replay_comes_to_the_same_and_state_expires() -> None:
    chance = Random(5)
    async with StageHarness(sittings) as harness:
        for number in range(120):
            await harness.clock.advance(chance.choice([1, 3, 9, 40]))
            at = harness.clock.now() - chance.choice([0, 0, 2, 4, 30]) * SECOND
            visit = Visited(user=chance.choice(["ann", "bob"]), at_us=at)
            await harness.send(visit, id=f"visit-{number}")
        assert len(await harness.state_items(sittings, "", bytes)) == 2
        await harness.clock.advance(3 * 86_400)
        assert await harness.state_items(sittings, "", bytes) == {}
        assert await harness.timers(sittings) == {}

        runtime = harness.runtime
        live = await events_on(runtime, Sat.type)
        last = {(sat.user, sat.begin): sat for sat in harness.outputs(Sat)}
        assert any(sat.revision > 1 for sat in last.values())
        plan = await plan_replay(runtime, sittings, Selection())
        await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
        # Of two events of one time another may have closed a window: the result is the same.
        again = (await events_on(runtime, Sat.type))[len(live) :]
        assert Counter(event.data for event in again) == Counter(event.data for event in live)


async def test_events_of_long_ago_are_not_over_because_it_is_later_now() -> None:
    async with StageHarness(sittings) as harness:
        long_ago = harness.clock.now() - 1_000 * 86_400 * SECOND
        for second in range(0, 100, 10):
            at = long_ago + second * SECOND
            visit = Visited(user="ann", at_us=at)
            await harness.send(first_event(visit, id=f"v{second}", source="old", time=at))
            await harness.clock.advance(1)
        assert harness.outputs(Sat) == []
        await harness.clock.advance(60)
        [sat] = harness.outputs(Sat)
        assert (sat.begin, sat.visits) == (long_ago, 10)
