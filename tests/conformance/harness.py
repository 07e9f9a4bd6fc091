"""What the conformance suite needs of a bus, and how it is run against one.

A scenario gets a :class:`BusUnderTest`. It knows the bus protocol, the stage runner and the
runtime, never what is behind them; what a bus does not promise it asks for with
:meth:`BusUnderTest.require`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import pytest

from lineal.bus.protocol import Batch, Capabilities, Delivery
from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal.stages.topics import stage_topics
from lineal_schemas.envelope import RawEvent, decode, first_event
from lineal_schemas.payload import Payload
from tests.lineal_process import LinealProcess

PATIENCE_SECONDS = 180.0
"""How long a condition is waited for before the scenario has failed."""


class BusUnderTest(Protocol):
    """One bus, empty at the beginning of a scenario."""

    capabilities: Capabilities
    settings: Settings
    """With which any process reaches this bus."""
    scratch: Path
    """A folder in which stages leave traces for the scenario to look at."""

    def open(self) -> contextlib.AbstractAsyncContextManager[Runtime]:
        """Connect to the bus."""
        ...

    async def restart(self) -> None:
        """Stop the broker and start it again, while nobody is connected; nothing to do on a bus
        that has none."""
        ...

    def spawn_worker(self, stage: str, **options: Any) -> WorkerProcess:
        """Run a stage of :mod:`tests.conformance.workload` in a process of its own."""
        ...

    def require(self, *capabilities: str) -> None:
        """Skip the scenario unless the bus has these capabilities."""
        ...


@dataclass
class EmbeddedBusUnderTest:
    """The embedded bus in a folder of its own."""

    settings: Settings
    scratch: Path
    capabilities: Capabilities
    workers: list[WorkerProcess] = field(default_factory=list)

    def open(self) -> contextlib.AbstractAsyncContextManager[Runtime]:
        return open_runtime(self.settings)

    async def restart(self) -> None:
        """There is no broker: the folder is all there is."""

    def spawn_worker(self, stage: str, **options: Any) -> WorkerProcess:
        worker = WorkerProcess(self.settings, stage, options)
        self.workers.append(worker)
        return worker

    def require(self, *capabilities: str) -> None:
        for capability in capabilities:
            if not getattr(self.capabilities, capability):
                pytest.skip(f"the bus does not promise {capability}")


OBSERVERS: dict[str, Callable[[str], list[RawEvent]]] = {}
"""By the URL of a bus: another way to see all events of a topic than to read it, for buses on which
reading takes long."""


class WorkerProcess:
    """A real process that runs a stage, to be stopped in all the ways there are."""

    def __init__(
        self,
        settings: Settings,
        stage: str,
        options: dict[str, Any],
        program: Sequence[str] = ("tests.conformance.worker",),
    ) -> None:
        order = {"settings": settings.model_dump(mode="json"), "stage": stage, "options": options}
        module, *arguments = program
        self._process = LinealProcess[bytes](
            [*arguments, json.dumps(order)],
            module=module,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid

    async def ready(self) -> None:
        """Until it has joined its group."""
        await self._says("ready")

    async def stopping(self) -> None:
        """Until it has taken note of SIGTERM."""
        await self._says("stopping")

    async def _says(self, word: str) -> None:
        assert self._process.stdout is not None
        while line := await asyncio.to_thread(self._process.stdout.readline):
            if line.decode().strip() == word:
                return
        raise AssertionError(f"the worker process ended before it was {word}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    async def ended(self) -> int:
        """Its exit code."""
        return await asyncio.to_thread(self._process.wait, PATIENCE_SECONDS)

    def discard(self) -> None:
        """Leave nothing behind, whatever became of it."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.asynccontextmanager
async def running(
    runtime: Runtime, stage: Stage | StageExecutor, *, start: Any = "beginning", **options: Any
) -> AsyncIterator[StageRunner]:
    """A stage at work in this process; drained at the end."""
    executor = stage if isinstance(stage, StageExecutor) else runtime.bind(stage)
    options.setdefault("retry", QUICK)
    runner = StageRunner(executor, runtime.committer, RunnerSettings(**options))
    subscription = await runtime.bus.subscribe(
        executor.stage.name,
        stage_topics(executor.stage),
        start=start,
        on_revoking=runner.revoking,
    )
    task = asyncio.create_task(runner.run(subscription))
    try:
        yield runner
    finally:
        runner.stop()
        await task


QUICK = RetryPolicy(attempts=3, first_seconds=0.01, max_seconds=0.05)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition; that it never comes is the failure, not that it takes long."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def events_on(runtime: Runtime, topic: str) -> list[RawEvent]:
    """All events of a topic, those of a key in their order."""
    await runtime.bus.create_topic(topic)
    observe = OBSERVERS.get(runtime.settings.bus)
    if observe is not None:
        return observe(topic)
    return [delivery.event async for delivery in runtime.bus.read(topic)]


async def until_events(runtime: Runtime, topic: str, count: int) -> list[RawEvent]:
    """Wait until a topic has at least so many events."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found := await events_on(runtime, topic)) < count:
            await asyncio.sleep(0.02)
    return found


async def records(runtime: Runtime, root: str) -> list[RecordedStep]:
    """The lineage of a root, with all that was settled before."""
    await runtime.flush_ledger()
    return await runtime.store.read(lambda connection: steps_of_subject(connection, root))


async def until_settled(runtime: Runtime, group: str) -> None:
    """Wait until a group has nothing left to do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await lag(runtime, group):
            await asyncio.sleep(0.02)


async def lag(runtime: Runtime, group: str) -> int:
    return sum(
        info.lag
        for topic in await runtime.bus.topics()
        for info in topic.groups
        if info.group == group
    )


async def publish(runtime: Runtime, *payloads: Payload, **attributes: Any) -> list[RawEvent]:
    """Publish payloads to the topics of their types; ids follow from their contents."""
    events = [
        first_event(
            payload,
            id=sha256(f"{payload.type} {payload.model_dump_json()}".encode()).hexdigest(),
            source="test:scenario",
            **attributes,
        )
        for payload in payloads
    ]
    await runtime.bus.publish([(event.type, event) for event in events])
    return events


def payload_of(event: RawEvent) -> Any:
    return decode(event).data


def numbers_by_key(events: Iterable[RawEvent]) -> dict[str, list[int]]:
    """The numbers of what was done, of each key in their order."""
    found: dict[str, list[int]] = {}
    for event in events:
        done = payload_of(event)
        found.setdefault(done.key, []).append(done.number)
    return found


async def fetch_all(
    runtime: Runtime, group: str, topic: str, count: int, *, settle: bool = False
) -> list[Delivery]:
    """What a new worker of a group is given first; it leaves again, without settling if not told
    to."""
    subscription = await runtime.bus.subscribe(group, [topic])
    deliveries: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(deliveries) < count:
            batch = await subscription.fetch(2 * count, 1.0)
            deliveries += batch
            if settle:
                await subscription.commit(Batch(batch))
    await subscription.close()
    return deliveries
