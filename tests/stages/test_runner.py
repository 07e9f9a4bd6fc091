"""What the runner gives back, and that nothing it keeps overtakes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import stage
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal_schemas.envelope import Event, first_event
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

    @stage("work", version="1", consumes=Task, produces=Done)
    async def work(event: Event[Task], ctx: Any) -> Done:
        begun.set()
        await gate.wait()
        return Done(key=event.data.key, number=event.data.number)

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
    @stage("work", version="1", consumes=Task)
    async def work(event: Event[Task], ctx: Any) -> None: ...

    subscription = ScriptedSubscription()
    runner = StageRunner(runtime.bind(work), subscription)
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0.05)
    runner.stop()
    async with asyncio.timeout(5):
        await running


async def test_being_cancelled_ends_a_runner_after_its_drain(runtime: Runtime) -> None:
    begun = asyncio.Event()

    @stage("work", version="1", consumes=Task)
    async def work(event: Event[Task], ctx: Any) -> None:
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
