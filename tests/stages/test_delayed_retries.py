"""Delayed retries when the store is ahead of the bus after a crash, and what cannot be declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.requests import Request

from lineal import Context, Reject, stage
from lineal.bus.protocol import Delivery, Position
from lineal.bus.topic_names import redrive_topic
from lineal.effects.retries import sweep_retries, waiting_retries
from lineal.errors import StoreUnavailable, WrongConfiguration
from lineal.health import metrics
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.retry import RetryPolicy
from lineal.stages.timers import TimerClock
from lineal.testing import StageHarness
from lineal_schemas.envelope import first_event
from tests.conformance.workload import Done, Task
from tests.stages.attempting import executor_of, keep

POLICY = RetryPolicy(attempts=5, first_seconds=0.001)
EVENT = first_event(Task(key="a", number=1), id="e1", source="test:x")
DAY_US = 86_400_000_000


def delayed_stage(problems: list[Exception], **options: Any) -> Stage:
    """A stage whose first attempts meet these problems."""

    @stage("delayed", version="1", produces=Done, **options)
    async def delayed(task: Task) -> Done:
        if problems:
            raise problems.pop(0)
        return Done(key=task.key, number=task.number)

    return delayed


def live(offset: int = 1) -> Delivery:
    return Delivery(Position(Task.type, 0, offset), EVENT)


def back(offset: int) -> Delivery:
    return Delivery(Position(redrive_topic("delayed"), 0, offset), EVENT)


async def handled(executor: StageExecutor, runtime: Runtime, delivery: Delivery) -> str:
    """How the handling of an event ended, which is made durable in the store."""
    result = await executor.handle(delivery, POLICY)
    await keep(runtime, result)
    assert result.record is not None
    return result.record.steps[0].outcome


async def come_back(runtime: Runtime) -> None:
    """Timers go off; the test delivers itself what they publish."""
    far = EVENT.time + 1000 * DAY_US
    while await TimerClock(runtime.store, runtime.bus, ["delayed"], lambda: far).look():
        pass


@pytest.mark.parametrize("memo", [True, False])
async def test_what_a_crash_delivers_again_is_decided_about_once(
    tmp_path: Path, memo: bool
) -> None:
    problems: list[Exception] = [ValueError("1"), ValueError("2")]
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(
            runtime,
            delayed_stage(problems, memo=memo, retry_delays=["1h", "1h"]),
            store_first=True,
        )
        assert await handled(executor, runtime, live()) == "delayed"
        assert await handled(executor, runtime, live()) == "skipped", "it waits"
        assert await handled(executor, runtime, back(1)) == "skipped", "it is not due"
        await come_back(runtime)
        assert await handled(executor, runtime, back(1)) == "delayed"
        assert await handled(executor, runtime, back(1)) == "skipped"
        assert await handled(executor, runtime, back(2)) == "skipped", "a second copy of the first"
        await come_back(runtime)
        assert await handled(executor, runtime, back(3)) == "done"
        assert problems == []
        again = "memoised" if memo else "done"
        assert await handled(executor, runtime, back(3)) == again, "for the bus, which lacks it"
        assert await handled(executor, runtime, back(4)) == "skipped"
        assert await handled(executor, runtime, live()) == "skipped", "the first place of all"


async def test_a_group_moved_back_on_purpose_handles_it_again(tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(
            runtime, delayed_stage([ValueError("1")], memo=False, retry_delays=["1h"])
        )
        assert await handled(executor, runtime, live()) == "delayed"
        await come_back(runtime)
        assert await handled(executor, runtime, back(1)) == "done"
        assert await handled(executor, runtime, live()) == "done"


async def test_a_dead_letter_that_a_crash_makes_again_is_the_same(tmp_path: Path) -> None:
    problems: list[Exception] = [ValueError(f"{n}") for n in range(3)]
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(
            runtime, delayed_stage(problems, retry_delays=["1h"]), store_first=True
        )
        assert await handled(executor, runtime, live()) == "delayed"
        await come_back(runtime)
        for _ in range(2):
            result = await executor.handle(back(1), POLICY)
            await keep(runtime, result)
            assert result.record is not None
            (entry,) = result.record.steps
            assert (entry.outcome, entry.attempt) == ("failed", 2)
        assert await handled(executor, runtime, back(2)) == "done", "redriven"


async def test_what_is_nobodys_fault_or_cannot_succeed_is_not_delayed(tmp_path: Path) -> None:
    problems: list[Exception] = [StoreUnavailable("away"), StoreUnavailable("away")]
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, delayed_stage(problems, retry_delays=["1h"]))
        assert await handled(executor, runtime, live()) == "done"
        problems[:] = [Reject("never")]
        rejecting = executor_of(runtime, delayed_stage(problems, memo=False, retry_delays=["1h"]))
        assert await handled(rejecting, runtime, live(2)) == "rejected"


async def test_rows_are_kept_while_an_event_waits_and_swept_when_it_is_over(
    tmp_path: Path,
) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, delayed_stage([ValueError("1")], retry_delays=["1h"]))
        await handled(executor, runtime, live())
        later = EVENT.time + DAY_US
        assert await runtime.store.write(lambda c: sweep_retries(c, later)) == 0
        assert (await runtime.store.read(waiting_retries))["delayed"].events == 1
        request = cast("Request", None)
        assert (
            b'lineal_delayed_events{stage="delayed"} 1.0' in (await metrics(runtime)(request)).body
        )
        await come_back(runtime)
        await handled(executor, runtime, back(1))
        assert await runtime.store.write(lambda c: sweep_retries(c, later)) == 1


async def test_a_batch_that_fails_delays_only_the_event_to_blame() -> None:
    calls: list[int] = []

    @stage("batches", version="1", produces=Done, memo=False, retry_delays=["1m"])
    async def batches(tasks: list[Task]) -> list[Done]:
        calls.append(len(tasks))
        if any(task.number == 1 for task in tasks) and len(calls) < 2:
            raise ValueError("one of these")
        return [Done(key=task.key, number=task.number) for task in tasks]

    async with StageHarness(batches) as harness:
        assert await harness.send(Task(key="a", number=1)) == []
        await harness.clock.advance(59)
        assert harness.outputs(Done) == []
        await harness.clock.advance(1)
        assert harness.outputs(Done) == [Done(key="a", number=1)]
        assert [record.outcome for record in harness.records] == ["delayed", "done"]


async def test_settings_have_the_last_word(tmp_path: Path) -> None:
    waits = delayed_stage([], on_failure="wait")
    settings = Settings.model_validate(
        {"data": tmp_path, "retry": {"delays": {"delayed": ["2s", 60]}}}
    )
    assert settings.retry.delays == {"delayed": (2.0, 60.0)}
    async with open_runtime(settings) as runtime:
        executor = runtime.bind(delayed_stage([ValueError("no")]))
        assert await handled(executor, runtime, live()) == "delayed"
        with pytest.raises(WrongConfiguration, match="wait for a failed one"):
            runtime.bind(waits)
    none = Settings.model_validate({"data": tmp_path, "retry": {"delays": {"delayed": []}}})
    async with open_runtime(none) as runtime:
        executor = runtime.bind(delayed_stage([ValueError("no")], retry_delays=["1h"]))
        assert await handled(executor, runtime, live(2)) == "done", "tried again in its lane"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"retry_delays": ["soon"]}, "'soon' is no duration"),
        ({"retry_delays": [0]}, "more than 0 seconds"),
        ({"retry_delays": ["1s"], "on_failure": "wait"}, "choose one of the two"),
    ],
)
def test_delays_that_cannot_be_are_refused_at_import(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        delayed_stage([], **options)


async def test_delays_take_the_time_they_say_by_a_turned_clock() -> None:
    @stage("timed", version="1", produces=Done, memo=False, retry_delays=["1s", "1m", "10m"])
    async def timed(task: Task, ctx: Context) -> Done:
        raise ValueError("never")

    async with StageHarness(timed) as harness:
        await harness.send(Task(key="a", number=1))
        await harness.clock.advance(660)
        assert harness.dead_letters == []
        await harness.clock.advance(1)
        (letter,) = harness.dead_letters
        assert letter.attempts == 4
        outcomes = [(record.outcome, record.attempt) for record in harness.records]
        assert outcomes == [("delayed", 1), ("delayed", 2), ("delayed", 3), ("failed", 4)]
