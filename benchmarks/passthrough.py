"""A pass-through stage on a new data folder: what the bus benchmarks run."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from lineal.lineage.follower import LedgerFollower
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, NoConfig, Stage, stage
from lineal.stages.executor import StageExecutor
from lineal.stages.result import StepResult
from lineal.stages.runner import StageRunner
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.payload import Payload


class Ping(Payload, type="benchmark.ping", version=1):
    key: str
    text: str

    def partition_key(self) -> str:
        return self.key


class Pong(Payload, type="benchmark.pong", version=1):
    key: str
    text: str

    def partition_key(self) -> str:
        return self.key


@stage("benchmark", version="1", produces=Pong)
async def passthrough(ping: Ping, ctx: Context[NoConfig]) -> Pong:
    return Pong(key=ping.key, text=ping.text)


@stage("benchmark", version="1", produces=Pong, batch=500)
async def passthrough_of_batches(pings: list[Ping]) -> list[Pong]:
    return [Pong(key=ping.key, text=ping.text) for ping in pings]


@stage("benchmark", version="1", produces=Pong, lanes=8)
async def slow_passthrough(ping: Ping, ctx: Context[NoConfig]) -> Pong:
    await asyncio.sleep(0.02)
    return Pong(key=ping.key, text=ping.text)


def pings(count: int, *, keys: int = 2_000, size: int = 800) -> list[tuple[str, RawEvent]]:
    """Events of about 1 KB with their envelope."""
    return [
        (
            Ping.type,
            first_event(
                Ping(key=f"key-{i % keys}", text=f"{i:08d}" * (size // 8)),
                id=f"ping-{i}",
                source="benchmark",
            ),
        )
        for i in range(count)
    ]


@contextlib.asynccontextmanager
async def new_runtime() -> AsyncIterator[Runtime]:
    """A runtime on an empty folder, full durability."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        async with open_runtime(Settings(data=Path(folder), durability="full")) as runtime:
            yield runtime


async def publish_all(runtime: Runtime, events: Sequence[tuple[str, RawEvent]]) -> None:
    """Publish in batches of 500."""
    for begin in range(0, len(events), 500):
        await runtime.bus.publish(events[begin : begin + 500])


def new_runner(
    runtime: Runtime,
    handled: Stage | StageExecutor,
    on_committed: Callable[[Sequence[StepResult]], None] | None = None,
) -> StageRunner:
    """A runner with the settings of a runtime."""
    executor = handled if isinstance(handled, StageExecutor) else runtime.bind(handled)
    settings = runtime.settings.runner()
    return StageRunner(executor, runtime.committer, settings, on_committed=on_committed)


@contextlib.asynccontextmanager
async def ledger_followed(runtime: Runtime) -> AsyncIterator[None]:
    """A member of the ledger's group, as a daemon has it, where the bus does not apply effects
    itself."""
    if runtime.bus.capabilities.applies_effects:
        yield
        return
    follower = LedgerFollower(runtime.bus, runtime.store, runtime.marks)
    await follower.open()
    try:
        yield
    finally:
        await follower.close()


async def run(runtime: Runtime, runner: StageRunner) -> None:
    """Work for the group until the runner is stopped, as a daemon does."""
    async with ledger_followed(runtime):
        await _work(runtime, runner)


async def _work(runtime: Runtime, runner: StageRunner) -> None:
    subscription = await runtime.bus.subscribe(
        "benchmark", [Ping.type], on_revoking=runner.revoking
    )
    await runner.run(subscription)


async def run_until_committed(
    runtime: Runtime, count: int, handled: Stage = passthrough
) -> list[int]:
    """Run a stage, with the ledger beside it, until it has committed ``count`` events; returns how
    many each commit held."""
    async with ledger_followed(runtime):
        return await work_until_committed(runtime, count, handled)


async def work_until_committed(
    runtime: Runtime, count: int, handled: Stage = passthrough
) -> list[int]:
    """:func:`run_until_committed` without the ledger."""
    commits: list[int] = []

    def committed(results: Sequence[StepResult]) -> None:
        commits.append(len(results))
        if sum(commits) >= count:
            runner.stop()

    runner = new_runner(runtime, handled, committed)
    await _work(runtime, runner)
    return commits
