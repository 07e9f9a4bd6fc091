"""On a bus that keeps what was erased, nothing is made of an erased subject, however late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.effects.memo import MemoEntry
from lineal.erasure.erasures import Erasure, note_erasures
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, stage
from lineal_schemas.envelope import now_us
from tests.conformance.workload import Done, Task
from tests.stages.attempting import attempt, executor_of, keep
from tests.stages.scripted import delivery


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as opened:
        yield opened


async def erase(runtime: Runtime, subject: str, at: int) -> None:
    erasure = Erasure(subject, at, "user:olga", "asked for")
    await runtime.store.write(lambda connection: note_erasures(connection, [erasure]))
    # What the step has made is in no record yet.


@pytest.mark.parametrize("kept", [b"small", b"large" * 100_000], ids=["small", "large"])
async def test_a_subject_that_is_erased_while_a_step_runs_leaves_nothing(
    runtime: Runtime, kept: bytes
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    made: list[str] = []

    @stage("work", version="1", produces=Done, memo=False)
    async def work(task: Task, ctx: Context) -> Done:
        made.append((await ctx.objects.put(kept, "text/plain", role="text")).sha256)
        await ctx.state.put(task.key, b"of a person")
        begun.set()
        await go_on.wait()
        return Done(key=task.key, number=task.number)

    came = delivery(1, "ann")
    executor = executor_of(runtime, work, bus_erases=False)
    running = asyncio.create_task(attempt(executor, came))
    await begun.wait()
    await erase(runtime, came.event.correlationid, now_us())
    go_on.set()
    result = await running
    await keep(runtime, result)
    assert result.record is not None
    assert (result.record.steps[0].outcome, list(result.outputs)) == ("skipped", [])
    assert await runtime.objects.existing(made) == set()
    states = "SELECT count(*) FROM state"
    assert await runtime.store.read(lambda c: c.execute(states).fetchone()) == (0,)


async def test_an_event_that_arrives_late_is_left_alone_and_one_of_after_is_not(
    runtime: Runtime,
) -> None:
    calls: list[int] = []

    @stage("work", version="1", produces=Done)
    async def work(task: Task) -> Done:
        calls.append(task.number)
        return Done(key=task.key, number=task.number)

    executor = executor_of(runtime, work, bus_erases=False)
    late = delivery(1, "ann")
    await erase(runtime, late.event.correlationid, late.event.time)
    result = await attempt(executor, late)
    assert (calls, list(result.outputs)) == ([], [])
    assert not any(isinstance(effect, MemoEntry) for effect in result.effects)
    await erase(runtime, late.event.correlationid, late.event.time - 1)
    assert len((await attempt(executor, late)).outputs) == 1
