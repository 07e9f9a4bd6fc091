"""One attempt at an event, and what became of it, without a bus to deliver it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from lineal.bus.protocol import Delivery
from lineal.lineage.actor import this_worker
from lineal.runtime import NoWorkers, Runtime
from lineal.stages.declaration import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.pipeline import Invocation, Wrapper, compose
from lineal.stages.pipeline.binding import Binding
from lineal.stages.result import StepResult, to_batch
from lineal.stages.services import Services
from lineal.stages.state import StoredState
from lineal.stages.trained_models import TrainedModels


def services_of(runtime: Runtime, **changed: Any) -> Services:
    """What a runtime gives to its stages, but for what a test changes."""
    services: dict[str, Any] = {
        "store": runtime.store,
        "objects": runtime.objects,
        "workers": NoWorkers(),
        "worker_name": this_worker(),
        "state": StoredState(runtime.store),
        "trained": TrainedModels(runtime.store),
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


async def attempt_all(executor: StageExecutor, deliveries: Sequence[Delivery]) -> list[Invocation]:
    """One attempt at a batch: what came to an end, in the order of the deliveries."""
    ended: list[Invocation] = []
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(work))

    await executor.attempt(deliveries, ended.extend, spawn)
    while tasks:
        await tasks.pop()
    places = {id(delivery): place for place, delivery in enumerate(deliveries)}
    return sorted(ended, key=lambda invocation: places[id(invocation.delivery)])


async def attempt(executor: StageExecutor, delivery: Delivery) -> StepResult:
    """One attempt at an event.

    Raises:
        Exception: what it failed with.
    """
    (invocation,) = await attempt_all(executor, [delivery])
    if invocation.error is not None:
        raise invocation.error
    return invocation.result


async def keep(runtime: Runtime, *results: StepResult) -> None:
    """Make durable what came of events that nobody's position is moved by."""
    batch = to_batch(results)
    await runtime.committer.publish(batch.outputs, batch.effects)
