"""What the runner gives back, and that nothing it keeps overtakes it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Stage, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.stages.runner import RunnerSettings, StageRunner
from tests.conformance.harness import publish
from tests.conformance.workload import Done, Task
from tests.stages.scripted import Noted, PassingOn, ScriptedSubscription, delivery

PLACE = (Task.type, 0)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


@contextlib.asynccontextmanager
async def at_work(
    runtime: Runtime, declared: Stage, subscription: ScriptedSubscription, **settings: Any
) -> AsyncIterator[StageRunner]:
    """A runner, stopped and drained at the end."""
    runner = StageRunner(runtime.bind(declared), PassingOn(), RunnerSettings(**settings))
    task = asyncio.create_task(runner.run(subscription))
    try:
        yield runner
    finally:
        runner.stop()
        await task


async def test_what_is_fetched_the_moment_its_partition_is_asked_back_overtakes_nothing(
    runtime: Runtime,
) -> None:
    """The events before it are released, and another worker will handle them."""
    gate, begun = asyncio.Event(), asyncio.Event()

    @stage("work", version="1", produces=Done)
    async def work(task: Task, ctx: Any) -> Done:
        begun.set()
        await gate.wait()
        return Done(key=task.key, number=task.number)

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription, lanes=1) as runner:
        await subscription.coming.put([delivery(0), delivery(1)])
        await begun.wait()
        loop = asyncio.get_running_loop()
        subscription.handed_out = lambda: loop.call_soon(runner.revoking, [PLACE])
        later = [delivery(2), delivery(3, "b", partition=1), delivery(4, "b", partition=1)]
        await subscription.coming.put(later)
        await subscription.released.until(2)
        assert sorted(subscription.released) == [1, 2]
        gate.set()
        await subscription.committed.until(3)
    assert subscription.committed == [0, 3, 4]
    assert sorted(subscription.released) == [1, 2]


async def test_stopping_does_not_wait_for_events(runtime: Runtime) -> None:
    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None: ...

    subscription = ScriptedSubscription()
    async with asyncio.timeout(180), at_work(runtime, work, subscription):
        await subscription.fetched.until(1)


async def test_being_cancelled_ends_a_runner_after_its_drain(runtime: Runtime) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        begun.set()
        await gate.wait()

    subscription = ScriptedSubscription()
    runner = StageRunner(runtime.bind(work), PassingOn())
    running = asyncio.create_task(runner.run(subscription))
    await subscription.coming.put([delivery(0), delivery(1)])
    await begun.wait()
    running.cancel()
    await subscription.released.until(1)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert subscription.committed == [0]
    assert subscription.released == [1]


async def test_what_does_not_end_within_the_budget_is_released(runtime: Runtime) -> None:
    begun = asyncio.Event()

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        if task.number == 0:
            begun.set()
            await asyncio.Event().wait()

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription, drain_seconds=0.01):
        await subscription.coming.put([delivery(0), delivery(1), delivery(2, "b")])
        await begun.wait()
        await subscription.committed.until(1)
    assert subscription.committed == [2]
    assert sorted(subscription.released) == [0, 1]


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
    handled: Noted[int] = Noted()

    memo = kind in ("pure", "puts an object")

    @stage("work", version="1", produces=Done, memo=memo)
    async def work(task: Task, ctx: Any) -> Done:
        if kind == "puts an object":
            await ctx.objects.put(b"%d" % task.number, "text/plain", "part")
        if kind == "keeps state":
            await ctx.state.put("last", task.number)
        if kind == "records an act":  # from which tables are made that stages read
            ctx.record_kind = "promote"
        handled.note(task.number)
        return Done(key=task.key, number=task.number)

    subscription = ScriptedSubscription()
    subscription.may_commit.clear()
    async with at_work(runtime, work, subscription):
        await subscription.coming.put([delivery(number) for number in range(3)])
        await subscription.batches.until(1)
        # Whatever may begin begins before this one, which comes later.
        await subscription.coming.put([delivery(3, "another")])
        try:
            # What one has put into the state the next one sees, committed or not; who asks for
            # what acts make waits then.
            goes_on = kind != "puts an object"
            await handled.until(4 if goes_on else 2)
            assert handled == ([0, 1, 2, 3] if goes_on else [0, 3])
        finally:
            subscription.may_commit.set()
        await subscription.committed.until(4)
    of_key = [number for number in subscription.committed if number < 3]
    assert of_key == [number for number in handled if number < 3] == [0, 1, 2]


async def test_what_is_committed_waits_for_more_while_there_is_more_at_hand(
    runtime: Runtime,
) -> None:
    """A transaction costs a broker as much as many events do. What comes alone does not wait."""

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.001)

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription, prefetch=300, linger_seconds=600.0):
        await subscription.coming.put([delivery(0)])
        await subscription.committed.until(1)
        await subscription.coming.put([delivery(n, f"key-{n}") for n in range(1, 301)])
        await subscription.committed.until(301)
    sizes = [len(batch.acks) for batch in subscription.batches]
    assert sizes[0] == 1
    assert min(sizes[1:-1]) >= 100


async def test_a_task_that_lets_others_have_the_loop_is_not_joined_by_another(
    runtime: Runtime,
) -> None:
    """Each would have its turn before what waits for an answer has its own."""
    side_by_side: list[int] = []

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.003)
        tasks = [task.get_coro() for task in asyncio.all_tasks()]
        side_by_side.append(sum("StageExecutor.work" in repr(found) for found in tasks))

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription):
        await subscription.coming.put([delivery(n, f"key-{n}") for n in range(200)])
        await subscription.committed.until(200)
    assert set(side_by_side) == {1}


async def test_one_that_waits_is(runtime: Runtime) -> None:
    """Also one that has let others have the loop before."""
    gate = asyncio.Event()
    handled: Noted[int] = Noted()

    @stage("work", version="1")
    async def work(task: Task, ctx: Any) -> None:
        compute(0.003)
        handled.note(task.number)
        if task.number == 3:
            await gate.wait()

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription):
        await subscription.coming.put([delivery(n, f"key-{n}") for n in range(10)])
        await handled.until(10)
        gate.set()
        await subscription.committed.until(10)


async def test_a_function_that_waits_keeps_no_event_of_its_batch_waiting(runtime: Runtime) -> None:
    gate = asyncio.Event()

    @stage("work", version="1", produces=Done)
    async def work(task: Task, ctx: Any) -> Done:
        if task.number == 20:
            await gate.wait()
        return Done(key=task.key, number=task.number)

    subscription = ScriptedSubscription()
    async with at_work(runtime, work, subscription):
        await subscription.coming.put([delivery(n, f"key-{n}") for n in range(64)])
        await subscription.committed.until(63)
        assert 20 not in subscription.committed
        gate.set()
        await subscription.committed.until(64)
    assert sorted(subscription.committed) == list(range(64))


async def test_a_stage_of_many_lanes_begins_what_comes_behind_a_thousand_that_wait(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path, durability="normal")
    gate, found = asyncio.Event(), asyncio.Event()

    @stage("work", version="1", lanes=WORKER_LANES)
    async def work(task: Task, ctx: Any) -> None:
        if task.number < 1200:
            await gate.wait()
        else:
            found.set()

    async with open_runtime(settings) as runtime:
        tasks = [Task(key=f"key-{number}", number=number) for number in range(1201)]
        await publish(runtime, *tasks)
        runner = StageRunner(runtime.bind(work), runtime.committer)
        subscription = await runtime.bus.subscribe("work", [Task.type])
        running = asyncio.create_task(runner.run(subscription))
        async with asyncio.timeout(180):
            await found.wait()
        gate.set()
        runner.stop()
        await running
