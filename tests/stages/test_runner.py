"""What the runner gives back, and that nothing it keeps overtakes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import settling, stage
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal_schemas.envelope import first_event
from tests.conformance.workload import Done, Task

PLACE = (Task.type, 0)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


class ScriptedSubscription:
    """A subscription that hands out what it is told and notes what it is given: on a real one
    nothing could be timed to the moment."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[list[Delivery]] = asyncio.Queue()
        self.handed_out: Callable[[], object] = lambda: None
        self.settled: list[int] = []
        self.released: list[int] = []
        self.asked_back: Callable[[Collection[tuple[str, int]]], None] = lambda _: None

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        batch = await self.coming.get()
        self.handed_out()
        return batch

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        self.settled += [s.delivery.position.offset for s in settlements]
        return []

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self.released += [delivery.position.offset for delivery in deliveries]

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        self.asked_back = callback

    async def close(self) -> None: ...


def delivery(number: int, key: str = "a", partition: int = 0) -> Delivery:
    event = first_event(Task(key=key, number=number), id=f"event-{number}", source="test:x")
    return Delivery(Position(Task.type, partition, number), event)


@pytest.mark.parametrize("moment", ["between", "while looking ahead"])
async def test_what_is_fetched_the_moment_its_partition_is_asked_back_overtakes_nothing(
    runtime: Runtime, moment: str
) -> None:
    """The events before it are released, and another worker will handle them."""
    gate, begun = asyncio.Event(), asyncio.Event()

    @stage("work", version="1", produces=Done)
    async def work(task: Task, ctx: Any) -> Done:
        begun.set()
        await gate.wait()
        return Done(key=task.key, number=task.number)

    bound = runtime.bind(work)
    subscription = ScriptedSubscription()
    runner = StageRunner(bound, subscription, RunnerSettings(lanes=1))
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(0), delivery(1)])
    await begun.wait()
    if moment == "between":
        loop = asyncio.get_running_loop()
        subscription.handed_out = lambda: loop.call_soon(subscription.asked_back, [PLACE])
    else:
        look_ahead = bound.look_ahead

        async def asked_back_meanwhile(deliveries: Sequence[Delivery]) -> None:
            subscription.asked_back([PLACE])
            await look_ahead(deliveries)

        bound.look_ahead = asked_back_meanwhile  # type: ignore[method-assign]
    later = [delivery(2), delivery(3, "b", partition=1), delivery(4, "b", partition=1)]
    await subscription.coming.put(later)
    await asyncio.sleep(0.05)
    assert sorted(subscription.released) == [1, 2]
    gate.set()
    while len(subscription.settled) < 3:
        await asyncio.sleep(0.01)
    runner.stop()
    await running
    assert subscription.settled == [0, 3, 4]
    assert sorted(subscription.released) == [1, 2]


async def test_stopping_does_not_wait_for_events(runtime: Runtime) -> None:
    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None: ...

    subscription = ScriptedSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0.05)
    runner.stop()
    async with asyncio.timeout(5):
        await running


async def test_being_cancelled_ends_a_runner_after_its_drain(runtime: Runtime) -> None:
    begun = asyncio.Event()

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        begun.set()
        await asyncio.sleep(0.1)

    subscription = ScriptedSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(0), delivery(1)])
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert subscription.settled == [0]
    assert subscription.released == [1]


class SlowSubscription(ScriptedSubscription):
    """One that settles when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.may_settle = asyncio.Event()

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        self.batches.append(len(settlements))
        await self.may_settle.wait()
        return await super().settle(settlements)


async def settled(subscription: ScriptedSubscription, count: int) -> None:
    async with asyncio.timeout(20):
        while len(subscription.settled) < count:
            await asyncio.sleep(0.001)


def compute(seconds: float) -> None:
    """Keep the loop, as a stage does that computes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@pytest.mark.parametrize("kind", ["pure", "keeps state", "records an act", "puts an object"])
async def test_the_next_event_of_a_key_waits_for_the_last_only_where_it_may_see_what_that_wrote(
    runtime: Runtime, kind: str
) -> None:
    """Else a key would have one event in each transaction, whatever else there is to do."""
    handled: list[int] = []

    memo = kind in ("pure", "puts an object")

    @stage("work", version="1", produces=Done, memo=memo)
    async def work(task: Task, ctx: Any) -> Done:
        handled.append(task.number)
        if kind == "puts an object":
            await ctx.objects.put(b"%d" % task.number, "text/plain", "part")
        if kind == "keeps state":
            await ctx.state.put("last", task.number)
        if kind == "records an act":  # from which tables are made that stages read
            ctx.record_kind = "promote"
        return Done(key=task.key, number=task.number)

    subscription = SlowSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(number) for number in range(3)])
    await asyncio.sleep(0.1)
    assert handled == ([0, 1, 2] if kind == "pure" else [0])
    subscription.may_settle.set()
    await settled(subscription, 3)
    runner.stop()
    await running
    assert subscription.settled == handled == [0, 1, 2]


async def test_what_is_settled_waits_for_more_while_there_is_more_at_hand(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction costs a broker as much as many events do. What comes alone does not wait."""
    monkeypatch.setattr(settling, "_LINGER_SECONDS", 600.0)

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.001)

    subscription = SlowSubscription()
    subscription.may_settle.set()
    runner = StageRunner(runtime.bind(work), subscription, RunnerSettings(prefetch=300))
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(0)])
    await settled(subscription, 1)
    await subscription.coming.put([delivery(n, f"key-{n}") for n in range(1, 301)])
    await settled(subscription, 301)
    runner.stop()
    await running
    assert subscription.batches[0] == 1
    assert min(subscription.batches[1:-1]) >= 100


async def test_a_task_that_lets_others_have_the_loop_is_not_joined_by_another(
    runtime: Runtime,
) -> None:
    """Each would have its turn before what waits for an answer has its own."""
    at_work: list[int] = []

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.003)
        tasks = [task.get_coro() for task in asyncio.all_tasks()]
        at_work.append(sum("_handle_events" in repr(coroutine) for coroutine in tasks))

    subscription = ScriptedSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(n, f"key-{n}") for n in range(30)])
    await settled(subscription, 30)
    runner.stop()
    await running
    assert max(at_work) == 1


async def test_one_that_waits_is(runtime: Runtime) -> None:
    """Also one that has let others have the loop before."""
    gate = asyncio.Event()
    handled: list[int] = []

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.003)
        handled.append(task.number)
        if task.number == 3:
            await gate.wait()

    subscription = SlowSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await subscription.coming.put([delivery(n, f"key-{n}") for n in range(10)])
    async with asyncio.timeout(20):
        while len(handled) < 10:
            await asyncio.sleep(0.001)
    gate.set()
    subscription.may_settle.set()
    await settled(subscription, 10)
    runner.stop()
    await running
