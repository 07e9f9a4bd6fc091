"""What is withdrawn while it is being handled, or waits for other parts of its group."""

from __future__ import annotations

import asyncio

from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Stage, fan_in, stage
from lineal.stages.timers import TimerClock
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us
from lineal_schemas.withdrawals import OutputsWithdrawn
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Joined, Piece, Task

DAY_US = 86_400 * 1_000_000


def due_timers(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT due FROM timers ORDER BY due").fetchall()
    return [due for (due,) in rows]


async def until_timer(runtime: Runtime, after: int = 0) -> int:
    """Wait until a timer is set that is due after a time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (due := [at for at in await runtime.store.read(due_timers) if at > after]):
            await asyncio.sleep(0.02)
    return due[0]


async def fire(runtime: Runtime, name: str) -> None:
    """Have the timers of a stage fire, as if their time had come."""
    await TimerClock(runtime.store, runtime.bus, [name], lambda: now_us() + DAY_US).look()


async def replay(runtime: Runtime, declared: Stage) -> None:
    plan = await plan_replay(runtime, declared, Selection())
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)


async def test_what_is_handled_for_long_while_it_is_withdrawn_is_withdrawn_in_the_end(
    bus: BusUnderTest,
) -> None:
    """Its step comes to the ledger after the withdrawal has been looked at twice: as of a worker
    that stood still, or whose broker was away."""
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

    async with bus.open() as runtime:
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, splitting("1", 1)):
            await until_settled(runtime, "split")
        async with running(runtime, slow):
            await begun.wait()
            await replay(runtime, splitting("2", 0))
            first = await until_timer(runtime)
            await fire(runtime, "slow")
            await until_timer(runtime, first)
            go_on.set()
            _, made = await until_events(runtime, Joined.type, 1), await joined(runtime)
            await runtime.flush_ledger()
            assert len(await events_on(runtime, OutputsWithdrawn.type)) == 1, "of the first stage"
            await fire(runtime, "slow")
            _, passed_on = await until_events(runtime, OutputsWithdrawn.type, 2)
            assert [output.id for output in payload_of(passed_on).outputs] == made
            await until_settled(runtime, "slow")
        assert await runtime.store.read(due_timers) == []


async def joined(runtime: Runtime) -> list[str]:
    return [event.id for event in await events_on(runtime, Joined.type)]


async def test_a_withdrawn_part_leaves_its_incomplete_group(bus: BusUnderTest) -> None:
    """Its group waits for what is made in its place."""

    def splitting(version: str, *indexes: int) -> Stage:
        @stage("split", version=version, produces=Piece)
        async def split(task: Task) -> list[Piece]:
            return [
                Piece(group_id="g", index=index, count=3, key=f"{task.key} of {version}")
                for index in indexes
            ]

        return split

    @fan_in("gather", version="1", produces=Joined)
    async def gather(pieces: list[Piece]) -> Joined:
        return Joined(
            key=" ".join(piece.key for piece in pieces), group_id="g",
            indexes=tuple(piece.index for piece in pieces),
        )  # fmt: skip

    async with bus.open() as runtime:
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, splitting("1", 0, 1)):
            await until_settled(runtime, "split")
        async with running(runtime, gather):
            await until_settled(runtime, "gather")
            await replay(runtime, splitting("2", 0))
            await until_settled(runtime, "gather")
            third = Piece(group_id="g", index=2, count=3, key="third")
            await publish(runtime, third)
            await until_settled(runtime, "gather")
            assert await joined(runtime) == [], "the second part was withdrawn"
            await publish(runtime, Piece(group_id="g", index=1, count=3, key="second"))
            (made,) = await until_events(runtime, Joined.type, 1)
            assert payload_of(made).key == "a of 2 second third"
            assert payload_of(made).indexes == (0, 1, 2)
