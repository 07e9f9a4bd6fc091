"""A function that hangs is ended, and the stage says so for as long as it is a problem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Stage, stage
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal.workers.costs import Cost
from lineal.workers.fair_queue import ANY_CALLER, Caller
from lineal_schemas.envelope import decode
from lineal_schemas.failures import DeadLetter
from tests.conformance.harness import publish, until, until_events, until_settled
from tests.conformance.workload import Done, Task
from tests.stages.attempting import executor_of
from tests.stages.scripted import PassingOn, ScriptedSubscription, delivery


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings(data=tmp_path, durability="normal", workers=1)
    settings.retry.first_seconds = 0.01
    async with open_runtime(settings) as opened:
        yield opened


def hanging(numbers: set[int], calls: list[int]) -> Stage:
    @stage("work", version="1", produces=Done, timeout=0.05)
    async def work(task: Task) -> Done:
        calls.append(task.number)
        if task.number in numbers:
            await asyncio.Event().wait()
        return Done(key=task.key, number=task.number)

    return work


async def test_it_is_retried_as_costly_and_the_problem_is_said_meanwhile(runtime: Runtime) -> None:
    calls: list[int] = []
    subscription = ScriptedSubscription()
    pauses: list[str | None] = []

    async def pause(seconds: float) -> None:
        # Other keys go on; that does not make it well.
        await subscription.coming.put([delivery(1, "b")])
        await subscription.committed.until(1)
        pauses.append(runner.problem)

    executor = executor_of(runtime, hanging({0}, calls), pause=pause)
    settings = RunnerSettings(retry=RetryPolicy(attempts=5, costly_attempts=2))
    runner = StageRunner(executor, PassingOn(), settings)
    running = asyncio.create_task(runner.run(subscription))
    await subscription.coming.put([delivery(0, "a")])
    await subscription.committed.until(2)
    assert calls == [0, 1, 0]
    assert pauses == ["stage work: event event-0: the function took longer than 0.05 seconds and "
                      "was ended"]  # fmt: skip
    (letter,) = [
        payload
        for batch in subscription.batches
        for _, event in batch.outputs
        if isinstance(payload := decode(event).data, DeadLetter)
    ]
    assert (letter.error_class, letter.attempts) == ("HandlerTimeout", 2)
    await subscription.coming.put([delivery(2, "a")])
    await subscription.committed.until(3)
    assert runner.problem is None
    runner.stop()
    await running


async def test_a_daemon_says_it_too_until_all_is_well(runtime: Runtime) -> None:
    numbers = {0}
    daemon = Daemon(runtime, [hanging(numbers, [])])
    await daemon.start()
    try:
        await publish(runtime, Task(key="a", number=0))
        await until(lambda: daemon.problems)
        assert "took longer than 0.05 seconds" in daemon.problems[0]
        await until_events(runtime, "dead.work", 1)
        await until_settled(runtime, "work")
        numbers.clear()
        await publish(runtime, Task(key="a", number=1))
        await until_settled(runtime, "work")
        assert daemon.problems == []
    finally:
        await daemon.stop()


async def test_where_no_other_event_comes_it_is_not_said_for_ever(runtime: Runtime) -> None:
    clock = [1_000_000_000]

    async def pause(seconds: float) -> None:
        clock[0] += 600_000_000
        assert executor.problem is not None, "as long as the event is tried again"

    executor = executor_of(runtime, hanging({0}, []), pause=pause, now=lambda: clock[0])
    await executor.handle(delivery(0, "a"), RetryPolicy(attempts=2, costly_attempts=2))
    assert "took longer than 0.05 seconds" in (executor.problem or "")
    clock[0] += 301_000_000
    assert executor.problem is None


class BusyWorkers:
    """Takes a task up when it is told to, and ends it when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.free = asyncio.Event()
        self.done = asyncio.Event()

    def allow_reading(self, paths: Iterable[Path]) -> None:
        pass

    async def run(
        self,
        function: Callable[..., Any],
        *arguments: object,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
        begun: Callable[[], None] | None = None,
    ) -> Any:
        self.asked.set()
        await self.free.wait()
        assert begun is not None
        await asyncio.to_thread(begun)
        await self.done.wait()
        return function(*arguments)


@pytest.mark.parametrize("ends", [True, False])
async def test_the_time_that_it_waits_for_a_worker_is_not_its_own(
    runtime: Runtime, ends: bool
) -> None:
    @stage("work", version="1", produces=Done, timeout=0.1)
    async def work(task: Task, ctx: Context) -> Done:
        return Done(key=task.key, number=await ctx.run(int, task.number))

    workers = BusyWorkers()
    executor = executor_of(runtime, work, workers=workers)
    handling = asyncio.create_task(executor.handle(delivery(7), RetryPolicy(attempts=1)))
    await workers.asked.wait()
    loop = asyncio.get_running_loop()
    after = loop.time() + 3 * 0.1
    await until(lambda: loop.time() > after)
    assert not handling.done()
    if ends:
        workers.done.set()
    workers.free.set()
    result = await handling
    assert result.record is not None
    (step,) = result.record.recorded()
    assert (step.outcome, step.error) == (("done", None) if ends else ("failed", "HandlerTimeout"))
