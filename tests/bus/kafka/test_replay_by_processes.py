"""A replay that several processes share: nothing lost, nothing twice, in order, and told."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lineal.bus.protocol import Selection
from lineal.replay import Processes, plan_replay, run_replay
from lineal.replay.processes import import_path
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Stage, stage
from lineal.workers.errors import WorkerCrashed
from tests.conformance.harness import (
    events_on,
    numbers_by_key,
    payload_of,
    publish,
    records,
    running,
    until,
    until_settled,
)
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task

STARTED_BY = "LINEAL_TEST_STARTED_BY"
"""Environment variable: the process that asked for the replay."""


@stage("share", version="1", produces=Done)
async def share(task: Task, ctx: Any) -> Done:
    if task.scratch == "die" and os.environ[STARTED_BY] != str(os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)
    return Done(key=task.key, number=task.number, text=str(os.getpid()))


@pytest.fixture(autouse=True)
def started_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STARTED_BY, str(os.getpid()))


async def replayed(runtime: Runtime, declared: Stage, processes: int = 2) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    async with Processes(processes, min_events=1) as those:
        planned = await plan_replay(runtime, declared, Selection(), processes=those)
        await run_replay(runtime, planned, NoWorkers(), outcomes.update, processes=those)
    return outcomes


def tasks(count: int, scratch: str = "") -> list[Task]:
    return [Task(key=f"key-{n % 12}", number=n, scratch=scratch) for n in range(count)]


async def test_processes_share_what_is_to_be_handled(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(120))
        assert await replayed(runtime, share) == {"done": 120}
        done = await events_on(runtime, Done.type)
        await runtime.flush_ledger()
        steps = [r for n in range(12) for r in await records(runtime, f"task:key-{n}")]
        (whole,) = await records(runtime, "stage:share")
    by_process = Counter(payload_of(event).text for event in done)
    assert len(by_process) == 2
    assert str(os.getpid()) in by_process
    assert len(done) == len(steps) == 120
    assert numbers_by_key(done) == {f"key-{n}": list(range(n, 120, 12)) for n in range(12)}
    assert whole.attributes["events"] == 120


async def test_processes_share_what_is_remembered(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(120))
        async with running(runtime, share):
            await until_settled(runtime, "share")
        first = await events_on(runtime, Done.type)
        assert await replayed(runtime, share, processes=9) == {"memoised": 120}
        again = (await events_on(runtime, Done.type))[120:]
        await runtime.flush_ledger()
        story = await records(runtime, "task:key-3")
    assert numbers_by_key(again) == {f"key-{n}": list(range(n, 120, 12)) for n in range(12)}
    assert {event.id: event.data for event in again} == {event.id: event.data for event in first}
    assert [record.kind for record in story].count("replay") == 10


async def test_a_process_that_dies_is_told_of_and_what_the_others_had_is_handled(
    bus: KafkaBusUnderTest,
) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(24, "die"))
        with pytest.raises(WorkerCrashed, match="SIGKILL"):
            await replayed(runtime, share)
        done = await events_on(runtime, Done.type)
        await runtime.flush_ledger()
        *_, whole = await records(runtime, "stage:share")
    assert {payload_of(event).text for event in done} == {str(os.getpid())}
    assert 0 < len(done) < 24
    assert (whole.outcome, whole.error, whole.attributes["events"]) == (
        "failed", "WorkerCrashed", len(done),
    )  # fmt: skip


async def test_a_replay_that_is_given_up_leaves_no_process(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *tasks(24))
        replaying = asyncio.create_task(replayed(runtime, share))
        while not (children := _children()):
            await asyncio.sleep(0.02)
        replaying.cancel()
        await asyncio.gather(replaying, return_exceptions=True)
        # The system may take a moment to forget a process that was ended.
        await until(lambda: not children & _children())


def _children() -> set[str]:
    """The worker processes of this one."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"lineal.workers" in (process / "cmdline").read_bytes():
                found.add(process.name)
        except OSError:
            continue  # it ended meanwhile
    return found


async def test_processes_are_started_while_events_are_counted_and_end_where_there_is_no_need(
    bus: KafkaBusUnderTest,
) -> None:
    async with bus.open() as runtime, Processes(2, min_events=1) as those:
        before = _children()
        assert those.share_count(1, 4) == 1, "one event is not worth it"
        await publish(runtime, *tasks(24))
        await plan_replay(runtime, share, Selection(), processes=those)
        while not (children := _children() - before):
            await asyncio.sleep(0.02)
        assert len(children) == 1
    assert not children & _children()


async def test_what_another_process_cannot_find_is_not_shared(bus: KafkaBusUnderTest) -> None:
    @stage("local", version="1", produces=Done)
    async def local(task: Task, ctx: Any) -> Done:
        return Done(key=task.key, number=task.number, text=str(os.getpid()))

    assert import_path(local) is None
    async with bus.open() as runtime:
        await publish(runtime, *tasks(24))
        assert await replayed(runtime, local) == {"done": 24}
        done = await events_on(runtime, Done.type)
    assert {payload_of(event).text for event in done} == {str(os.getpid())}
