"""Keys that wait after a failed event, when a worker crashes or an event is published twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.bus.protocol import Delivery, Position
from lineal.bus.topic_names import redrive_topic
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.effects.sweep import sweep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Stage, stage
from lineal.stages.executor import StageExecutor
from lineal.stages.retry import RetryPolicy
from lineal.stages.state import ReplayedState
from lineal_schemas.envelope import RawEvent, first_event
from tests.conformance.harness import events_on, payload_of, running, until_settled
from tests.conformance.workload import Done, Task
from tests.stages.attempting import executor_of, keep

ONCE = RetryPolicy(attempts=1)


def waiting_stage(broken: set[int], *, memo: bool = True) -> Stage:
    @stage("waits", version="1", produces=Done, on_failure="wait", memo=memo)
    async def waits(task: Task) -> Done:
        if task.number in broken:
            raise ValueError("broken")
        return Done(key=task.key, number=task.number)

    return waits


def event(number: int) -> RawEvent:
    return first_event(Task(key="a", number=number), id=f"e{number}", source="test:x")


def live(number: int) -> Delivery:
    return Delivery(Position(Task.type, 0, number), event(number))


def redriven(number: int) -> Delivery:
    return Delivery(Position(redrive_topic("waits"), 0, number), event(number))


async def handled(executor: StageExecutor, runtime: Runtime, delivery: Delivery) -> str:
    """How the handling of an event ended, which is made durable."""
    result = await executor.handle(delivery, ONCE)
    await keep(runtime, result)
    assert result.record is not None
    (entry,) = result.record.steps
    return entry.error or entry.outcome


async def test_what_is_delivered_again_after_a_crash_comes_to_the_same(tmp_path: Path) -> None:
    """Where bus and store share no transaction, the store may know an event that the bus does not
    know to be handled."""
    broken = {2}
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, waiting_stage(broken))
        for _ in range(2):
            assert await handled(executor, runtime, live(2)) == "ValueError"
        for _ in range(2):
            assert await handled(executor, runtime, live(3)) == "KeyWaits"
        assert await handled(executor, runtime, live(4)) == "KeyWaits"
        broken.clear()
        assert await handled(executor, runtime, redriven(2)) == "done"
        assert await handled(executor, runtime, redriven(2)) == "memoised", "and does not wait"
        for number in (3, 4, 5):
            assert await handled(executor, runtime, redriven(number)) == "done"


@pytest.mark.parametrize("memo", [True, False])
async def test_one_that_waits_and_is_published_again_waits_once(tmp_path: Path, memo: bool) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, waiting_stage({2}, memo=memo))
        assert await handled(executor, runtime, live(2)) == "ValueError"
        assert await handled(executor, runtime, live(3)) == "KeyWaits"
        again = live(3)._replace(position=Position(Task.type, 0, 30))
        assert await handled(executor, runtime, again) == "skipped"
        assert await handled(executor, runtime, redriven(3)) == "KeyWaits"


async def test_what_no_longer_waits_is_forgotten_in_time(tmp_path: Path) -> None:
    broken = {2}
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, waiting_stage(broken))
        await handled(executor, runtime, live(2))
        await handled(executor, runtime, live(3))
        broken.clear()
        await handled(executor, runtime, redriven(2))
        assert await runtime.store.write(lambda c: sweep(c, 1 << 60)) == 1, "the next still waits"
        assert await handled(executor, runtime, live(4)) == "KeyWaits"


async def test_a_failed_event_of_another_stage_or_key_is_not_waited_for(tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = executor_of(runtime, waiting_stage({2}))
        await handled(executor, runtime, live(2))
        other_key = first_event(Task(key="b", number=3), id="b3", source="test:x")
        delivery = Delivery(Position(Task.type, 0, 3), other_key)
        assert await handled(executor, runtime, delivery) == "done"
        waits = waiting_stage(set())
        waits.name = "other"
        assert await handled(executor_of(runtime, waits), runtime, live(3)) in ("done", "memoised")


async def test_a_replay_waits_for_nobody(tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        await runtime.bus.publish([(Task.type, event(number)) for number in (1, 2, 3)])
        async with running(runtime, waiting_stage({2})):
            await until_settled(runtime, "waits")
        assert len(await waiting_letters(runtime, LetterFilter())) == 2
        executor = runtime.bind(waiting_stage(set()), replayed=ReplayedState())
        assert await handled(executor, runtime, live(3)) == "done"
        done = [payload_of(found).number for found in await events_on(runtime, Done.type)]
        assert done == [1, 3]
