"""The death of a worker process fails one task, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lineal.workers.costs import Cost
from lineal.workers.errors import WorkerCrashed, WorkerError, WorkerOutOfMemory, WorkerTimeout
from lineal.workers.fair_queue import Caller
from lineal.workers.pool import WorkerPool
from tests.workers import tasks


@contextlib.asynccontextmanager
async def pool(
    workers: int = 1, memory_bytes: int | None = None, warm_up: tuple[str, ...] = ()
) -> AsyncIterator[WorkerPool]:
    made = WorkerPool(workers, memory_bytes=memory_bytes, seconds=60, warm_up=warm_up)
    made.start()
    try:
        yield made
    finally:
        await made.close()


async def test_a_worker_that_dies_fails_its_task_only() -> None:
    async with pool() as workers:
        with pytest.raises(WorkerCrashed, match=r"end_by_signal.*SIGKILL"):
            await workers.run(tasks.end_by_signal)
        assert await workers.run(tasks.double, 4) == 8
        with pytest.raises(WorkerCrashed, match="exit code 7"):
            await workers.run(tasks.end_by_exit, 7)
        assert await workers.run(tasks.double, 5) == 10


async def test_a_task_that_takes_more_processor_time_than_its_limit_is_killed() -> None:
    async with pool() as workers:
        with pytest.raises(WorkerTimeout, match="processor time") as caught:
            await workers.run(tasks.compute_forever, cost=Cost(limit=0.1))
        assert not caught.value.starved
        assert caught.value.spent.endswith("s of processor time, of 0.1 s that it may")
        assert await workers.run(tasks.double, 4, cost=Cost(limit=5.0)) == 8


async def test_what_a_worker_did_before_is_no_cost_of_a_task() -> None:
    async with pool() as workers:
        await workers.run(tasks.compute, 0.3)
        await workers.run(tasks.appear_busy, 0.5, 20.0)
        # The kernel's count of the process is past this limit, and the task is not.
        assert await workers.run(tasks.compute, 0.05, cost=Cost(limit=0.1)) == 0.05


async def test_a_task_that_had_no_processor_until_its_limit_was_starved(tmp_path: Path) -> None:
    started = tmp_path / "started"
    async with pool() as workers:
        task = asyncio.create_task(
            workers.run(tasks.compute_noted, str(started), seconds=3.0, cost=Cost(limit=60.0))
        )
        while not started.exists() or not started.read_text():
            await asyncio.sleep(0.01)
        os.kill(int(started.read_text()), signal.SIGSTOP)
        with pytest.raises(WorkerTimeout, match="took longer than 3 seconds") as caught:
            await task
        assert caught.value.starved
        assert "by the clock, of 3 s that it may, with" in caught.value.spent
        assert await workers.run(tasks.double, 4) == 8


async def test_a_task_that_hangs_is_killed_at_its_limit() -> None:
    async with pool() as workers:
        process = await workers.run(tasks.process_id)
        with pytest.raises(WorkerTimeout, match=r"hang took longer than 0\.2 seconds"):
            await workers.run(tasks.hang, seconds=0.2)
        assert not _runs(process)
        # A process has to start first: that is not the task's time.
        assert await workers.run(tasks.double, 4, seconds=0.2) == 8


async def test_a_task_that_takes_too_much_memory_fails_and_the_next_has_it_all() -> None:
    limit = 512 * 1024 * 1024
    async with pool(memory_bytes=limit) as workers:
        with pytest.raises(WorkerOutOfMemory, match="take_memory"):
            await workers.run(tasks.take_memory, limit)
        assert await workers.run(tasks.take_memory, 1024) == 1024


async def test_errors_come_back_as_they_were_raised_and_say_where() -> None:
    async with pool() as workers:
        with pytest.raises(LookupError, match="page 3") as caught:
            await workers.run(tasks.fail, "page 3")
        assert "tasks.py" in "".join(traceback.format_exception(caught.value))
        process = await workers.run(tasks.process_id)
        for function, words in [
            (tasks.fail_oddly, "TwoArguments: page 3: no ink"),
            (tasks.stop_iterating, "StopIteration"),
        ]:
            with pytest.raises(WorkerError, match=words):
                await workers.run(function)
        with pytest.raises(WorkerError, match="SystemExit: 3"):
            await workers.run(tasks.leave, 3)
        assert await workers.run(tasks.process_id) == process, "none of it cost a process"


async def test_what_cannot_be_sent_fails_the_task() -> None:
    async with pool() as workers:
        with pytest.raises(RuntimeError, match="result cannot be sent"):
            await workers.run(tasks.unpicklable)
        with pytest.raises(Exception, match="pickle"):
            await workers.run(tasks.double, lambda: 4)
        assert await workers.run(tasks.double, 4) == 8


async def test_processes_that_are_killed_at_random_cost_no_task_for_good() -> None:
    async with pool(workers=2) as workers:

        async def insist(number: int) -> int:
            while True:
                try:
                    return await workers.run(tasks.sometimes_die, number, 0.1)
                except WorkerCrashed:
                    continue

        async def kill_some() -> None:
            for _ in range(30):
                await asyncio.sleep(0.02)
                if processes := workers.processes():  # none, when the last has just been killed
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(random.choice(processes), signal.SIGKILL)

        killing = asyncio.create_task(kill_some())
        assert await asyncio.gather(*map(insist, range(200))) == list(range(200))
        await killing


async def test_callers_take_turns(tmp_path: Path) -> None:
    order: list[str] = []
    go_on = tmp_path / "go on"
    async with pool() as workers:

        async def run(stage: str) -> None:
            await workers.run(tasks.double, 1, caller=Caller(stage))
            order.append(stage)

        first = asyncio.create_task(workers.run(tasks.wait_for, str(go_on)))
        waiting = [asyncio.create_task(run(stage)) for stage in [*["many"] * 10, "few"]]
        await asyncio.sleep(0)  # all of them are in the queue
        go_on.touch()
        await asyncio.gather(first, *waiting)
    assert order.index("few") <= 2


async def test_tasks_of_an_unknown_kind_leave_a_worker_to_cheap_ones(tmp_path: Path) -> None:
    started = [tmp_path / f"{number}" for number in range(4)]
    async with pool(2) as workers:
        hostile = [
            asyncio.create_task(workers.run(tasks.hang, str(file), cost=Cost(f"kind {number}")))
            for number, file in enumerate(started)
        ]
        async with asyncio.timeout(180):
            while not started[0].exists():
                await asyncio.sleep(0.01)
        for number in range(20):
            assert (
                await workers.run(tasks.double, number, cost=Cost("text", cheap=True)) == 2 * number
            )
        assert not started[2].exists(), "as many as there are workers, in the background too"
        for task in hostile:
            task.cancel()


async def test_what_states_no_cost_is_not_taken_for_the_cheapest(tmp_path: Path) -> None:
    ended: list[str] = []

    async def run(workers: WorkerPool, stage: str, number: int) -> None:
        cost = Cost("text", limit=4.0, cheap=True) if stage == "classify" else None
        seconds = 0.001 if stage == "classify" else 0.05
        caller = Caller(stage, f"{stage} {number}")
        await workers.run(tasks.compute, seconds, caller=caller, cost=cost)
        ended.append(stage)

    async with pool() as workers:
        others = ("embed", "fields", "entities", "gather")
        for number, stage in enumerate((*others, "classify")):
            await run(workers, stage, number)
        ended.clear()
        held = asyncio.create_task(workers.run(tasks.wait_for, str(tmp_path / "go")))
        await asyncio.sleep(0.1)
        stages = [*others] * 4 + ["classify"] * 3
        together = [
            asyncio.create_task(run(workers, stage, number)) for number, stage in enumerate(stages)
        ]
        await asyncio.sleep(0.1)
        (tmp_path / "go").touch()
        await asyncio.gather(held, *together)
    assert "classify" not in ended[9:]


async def test_a_kind_that_runs_into_its_limit_leaves_a_worker_to_others(tmp_path: Path) -> None:
    started = [tmp_path / f"{number}" for number in range(4)]
    async with pool(2) as workers:
        cost = Cost("kind", cheap=True, limit=0.1)
        with pytest.raises(WorkerTimeout):
            await workers.run(tasks.compute_forever, cost=cost)
        unlimited = replace(cost, limit=None)  # to start takes processor time, too
        hostile = [
            asyncio.create_task(workers.run(tasks.hang, str(file), cost=unlimited))
            for file in started
        ]
        async with asyncio.timeout(180):
            while not started[0].exists():
                await asyncio.sleep(0.01)
        assert await workers.run(tasks.double, 4) == 8
        assert not started[2].exists(), "as many as there are workers, in the background too"
        for task in hostile:
            task.cancel()


async def test_what_runs_for_long_holds_no_worker_while_others_wait(tmp_path: Path) -> None:
    started, go_on = tmp_path / "started", tmp_path / "go on"
    async with pool(1) as workers:
        cost = Cost("drawing", limit=1.0)
        long = asyncio.create_task(
            workers.run(tasks.wait_once_started, str(started), str(go_on), cost=cost)
        )
        async with asyncio.timeout(180):
            while not started.exists():
                await asyncio.sleep(0.01)
            process = int(started.read_text())
            for number in range(3):
                assert await workers.run(tasks.double, number) == 2 * number
        assert not long.done()
        assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
        go_on.touch()
        await long
        later = await workers.run(tasks.process_id)
        assert os.getpriority(os.PRIO_PROCESS, later) == os.getpriority(os.PRIO_PROCESS, 0)


async def test_workers_are_warm_before_their_first_task() -> None:
    async with pool(warm_up=("tests.workers.tasks:warm_up", "no.such:thing")) as workers:
        assert await workers.run(tasks.is_warm)


async def test_what_is_loaded_once_is_there_in_each_worker_also_after_one_died() -> None:
    async with pool(2, warm_up=("tests.workers.tasks:warm_up",)) as workers:
        for _ in range(3):
            with pytest.raises(WorkerCrashed):
                await workers.run(tasks.end_by_signal)
        loaded_in = {await workers.run(tasks.warm_up_process) for _ in range(8)}
        processes = {await workers.run(tasks.process_id) for _ in range(8)}
    assert len(loaded_in) == 1
    assert not loaded_in & processes


async def test_what_starts_threads_is_loaded_by_each_worker() -> None:
    warm_up = ("tests.workers.tasks:start_thread", "tests.workers.tasks:warm_up")
    async with pool(warm_up=warm_up) as workers:
        with pytest.raises(WorkerCrashed):
            await workers.run(tasks.end_by_signal)
        assert await workers.run(tasks.ask_thread, 4) == 8
        assert await workers.run(tasks.warm_up_process) != await workers.run(tasks.process_id)


async def test_workers_come_again_when_what_they_are_forked_from_is_killed() -> None:
    async with pool(warm_up=("tests.workers.tasks:warm_up",)) as workers:
        worker = await workers.run(tasks.process_id)
        os.kill(await workers.run(tasks.warm_up_process), signal.SIGKILL)
        while _runs(worker):
            await asyncio.sleep(0.01)
        assert await workers.run(tasks.double, 4) == 8
        assert await workers.run(tasks.is_warm)


async def test_two_workers_draw_other_random_numbers() -> None:
    async with pool() as workers:
        first = await workers.run(tasks.random_number)
        with pytest.raises(WorkerCrashed):
            await workers.run(tasks.end_by_signal)
        assert await workers.run(tasks.random_number) != first


async def test_closing_while_workers_load_ends_at_once() -> None:
    workers = WorkerPool(2, seconds=60, warm_up=("tests.workers.tasks:load_forever",))
    workers.start()
    task = asyncio.create_task(workers.run(tasks.double, 1))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await workers.close()
    with pytest.raises((WorkerCrashed, asyncio.CancelledError)):
        await task


async def test_closing_leaves_no_process_and_no_task_waiting() -> None:
    workers = WorkerPool(2, seconds=60)
    workers.start()
    begun = [asyncio.create_task(workers.run(tasks.hang)) for _ in range(4)]
    await asyncio.sleep(0)  # all four are handed in
    while len(processes := workers.processes()) < 2:
        await asyncio.sleep(0.01)
    await workers.close()
    ended = await asyncio.gather(*begun, return_exceptions=True)
    unexpected = [e for e in ended if not isinstance(e, WorkerCrashed | asyncio.CancelledError)]
    assert not unexpected
    assert not any(map(_runs, processes))
    with pytest.raises(RuntimeError, match="closed"):
        await workers.run(tasks.double, 1)


async def test_workers_die_with_the_daemon_even_in_the_middle_of_a_task(tmp_path: Path) -> None:
    daemon = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.workers.orphaning",
        str(tmp_path),
        cwd=Path(__file__).parents[2],
    )
    files = [tmp_path / "0", tmp_path / "1"]
    async with asyncio.timeout(180):
        while not all(file.exists() and file.read_text() for file in files):
            await asyncio.sleep(0.02)
        workers = [int(file.read_text()) for file in files]
        daemon.send_signal(signal.SIGKILL)
        await daemon.wait()
        while any(_runs(worker) for worker in workers):
            await asyncio.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Nobody may be there to take note of the end of an orphan.
    return stat.rpartition(")")[2].split()[0] != "Z"
