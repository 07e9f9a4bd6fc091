"""A subscription and a committer that do what a test says, to the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lineal.bus.protocol import Addressed, Batch, Delivery, Position, Subscription
from lineal.committing import Commit
from lineal.effects.effect import Effect
from lineal.stages.executor import StageExecutor
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal_schemas.envelope import first_event
from tests.conformance.workload import Task

T = TypeVar("T")

_PATIENCE_SECONDS = 180.0


class Noted(list[T], Generic[T]):
    """A list of what happened, that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def note(self, *items: T) -> None:
        """Something happened."""
        self.extend(items)
        self._changed.set()

    async def until(self, count: int) -> None:
        """Wait until so many things have happened."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(self) < count:
                self._changed.clear()
                await self._changed.wait()


class ScriptedSubscription:
    """Hands out what it is told and notes what it is given: on a real one nothing could be timed to
    the moment."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[list[Delivery]] = asyncio.Queue()
        self.handed_out: Callable[[], object] = lambda: None
        self.fetched: Noted[int] = Noted()
        """How much room there was, at each time."""
        self.batches: Noted[Batch] = Noted()
        """What is being committed, or was."""
        self.committed: Noted[int] = Noted()
        self.released: Noted[int] = Noted()
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        self.fetched.note(limit)
        batch = await self.coming.get()
        self.handed_out()
        return batch

    async def commit(self, batch: Batch) -> None:
        self.batches.note(batch)
        await self.may_commit.wait()
        self.committed.note(*(delivery.position.offset for delivery in batch.acks))

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self.released.note(*(delivery.position.offset for delivery in deliveries))

    async def close(self) -> None: ...


class PassingOn:
    """A committer without a store."""

    def commit_of(self, subscription: Subscription) -> Commit:
        return subscription.commit

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        raise NotImplementedError


def delivery(number: int, key: str = "a", partition: int = 0) -> Delivery:
    """An event of a key, at the offset of its number."""
    event = first_event(Task(key=key, number=number), id=f"event-{number}", source="test:x")
    return Delivery(Position(Task.type, partition, number), event)


async def handled_by(
    executor: StageExecutor, deliveries: Sequence[Delivery], settings: RunnerSettings
) -> ScriptedSubscription:
    """Have events handled to their end."""
    subscription = ScriptedSubscription()
    runner = StageRunner(executor, PassingOn(), settings)
    running = asyncio.create_task(runner.run(subscription))
    await subscription.coming.put(list(deliveries))
    try:
        await subscription.committed.until(len(deliveries))
    finally:
        runner.stop()
        await running
    return subscription
