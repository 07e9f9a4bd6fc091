"""One attempt at an event, and what became of it, without a bus to deliver it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from lineal.bus.protocol import Delivery
from lineal.lineage.actor import this_worker
from lineal.runtime import NoWorkers, Runtime
from lineal.stages.artifacts_in_use import ArtifactsInUse
from lineal.stages.declaration import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.pipeline import Invocation, Wrapper, compose
from lineal.stages.pipeline.binding import Binding
from lineal.stages.result import StepResult, to_batch
from lineal.stages.services import Services
from lineal.stages.state import StoredState


def services_of(runtime: Runtime, **changed: Any) -> Services:
    """What a runtime gives to its stages, but for what a test changes."""
    services: dict[str, Any] = {
        "store": runtime.store,
        "objects": runtime.objects,
        "workers": NoWorkers(),
        "worker_name": this_worker(),
        "state": StoredState(runtime.store),
        "artifacts": ArtifactsInUse(runtime.store),
        "bus_erases": runtime.bus.capabilities.erases,
    }
    return Services(**{**services, **changed})


def executor_of(
    runtime: Runtime,
    stage: Stage,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    handler_seconds: float = 60.0,
    pipeline: Callable[[Binding], Sequence[Wrapper]] = compose,
    **changed: Any,
) -> StageExecutor:
    """A bound stage with other services, limits, pauses, or wrappers."""
    return StageExecutor(
        stage,
        stage.config(),
        services_of(runtime, **changed),
        handler_seconds=handler_seconds,
        pause=pause,
        pipeline=pipeline,
    )


class Batches:
    """Batches of events to be handled, and what came of them."""

    attempt = 1
    slice_is_over = False
    uncommitted = None

    def __init__(self, *batches: Sequence[Delivery]) -> None:
        self._left = list(batches)
        self.results: list[StepResult] = []
        self.failed: list[Invocation] = []
        self.tasks: list[asyncio.Task[None]] = []

    def begin_batch(self, limit: int) -> Sequence[Delivery]:
        return self._left.pop(0) if self._left else ()

    def ended(self, results: Sequence[StepResult], failed: Sequence[Invocation]) -> None:
        self.results += results
        self.failed += failed

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def next_slice(self) -> None:
        await asyncio.sleep(0)


async def attempt_all(
    executor: StageExecutor, deliveries: Sequence[Delivery]
) -> list[StepResult | Invocation]:
    """One attempt at a batch: results, and what failed, in the order of the deliveries."""
    batches = Batches(deliveries)
    await executor.work(batches)
    while batches.tasks:
        await batches.tasks.pop()
    places = {id(delivery): place for place, delivery in enumerate(deliveries)}
    return sorted([*batches.results, *batches.failed], key=lambda ended: places[id(ended.delivery)])


async def attempt(executor: StageExecutor, delivery: Delivery) -> StepResult:
    """One attempt at an event.

    Raises:
        Exception: what it failed with.
    """
    (ended,) = await attempt_all(executor, [delivery])
    if isinstance(ended, Invocation):
        assert ended.error is not None
        raise ended.error
    return ended


async def keep(runtime: Runtime, *results: StepResult) -> None:
    """Make durable what came of events that nobody's position is moved by."""
    batch = to_batch(results)
    await runtime.committer.publish(batch.outputs, batch.effects)
