"""A pool of worker processes whose death fails one task and not the daemon.

The executors of the standard library break as a whole when one process dies, and cannot stop a
task that hangs. Here every worker has a pipe of its own (no lock that a dying process could take
along), a thread that watches it, a time limit per task, and a memory limit from the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lineal.workers.answers import UnreadableAnswer, decode, decode_error
from lineal.workers.costs import MAX_LOAD, Cost, CostHistory, Share
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal.workers.fair_queue import ANY_CALLER, Caller, Dequeued, FairQueue
from lineal.workers.processor_time import call_within
from lineal.workers.sandbox import clean_environment
from lineal.workers.start import WorkerStart

if TYPE_CHECKING:
    from lineal.settings import Settings

R = TypeVar("R")

_START_SECONDS = 120.0
_MAX_ANSWER_BYTES = 2 << 30
_COSTLY = WorkerTimeout, WorkerOutOfMemory, WorkerCrashed, UnreadableAnswer
"""They cost a worker process, however soon."""
_ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For engines that would otherwise start a thread per core in each worker."""


@dataclass(slots=True)
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float
    cost: Cost | None
    future: Future[Any]

    def load(self, seconds: float) -> float:
        return 0.0 if self.cost is None else self.cost.load(seconds)


class WorkerPool:
    """Runs top-level functions in other processes.

    Tasks of different callers take turns, so that a caller with many long tasks does not keep
    the others waiting behind all of them, and costly ones leave a worker to the others
    (:mod:`lineal.workers.fair_queue`).

    Args:
        workers: how many processes.
        memory_bytes: address space each may use; None for no limit.
        seconds: limit of a task that states none.
        sandbox: whether they are put into a sandbox (:mod:`lineal.workers.sandbox`): without the
            daemon's environment, network, or a place to write but a scratch folder, and with
            answers that are data (:mod:`lineal.workers.answers`).
        warm_up: ``module:function`` names every worker calls at its start, so that first tasks do
            not wait for what these load.
    """

    def __init__(
        self,
        workers: int,
        *,
        memory_bytes: int | None = None,
        seconds: float = 300.0,
        warm_up: tuple[str, ...] = (),
        sandbox: bool = False,
    ) -> None:
        self._sandbox = sandbox
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._warm_up = warm_up
        self._history = CostHistory()
        self._waiting: FairQueue[_Task] = FairQueue(workers, self._history)
        self._ready = threading.Condition()
        self._closing = False
        self._workers = [_Worker(self, number) for number in range(workers)]

    def start(self) -> None:
        for worker in self._workers:
            worker.thread.start()

    async def run(
        self,
        function: Callable[..., R],
        *arguments: Any,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
    ) -> R:
        """Call ``function(*arguments)`` in a worker; both must be picklable, and the result too,
        or, in a sandbox, be data.

        Args:
            seconds: how long it may take by the clock.
            cost: what is known of its cost; None: it is taken for cheap unless tasks like it run
                into limits.

        Raises:
            WorkerCrashed, WorkerTimeout, WorkerOutOfMemory: see there.
            Exception: whatever the function raised.
        """
        task = _Task(function, arguments, seconds or self._seconds, cost, Future())
        kind = "" if cost is None else cost.kind
        with self._ready:
            if self._closing:
                raise RuntimeError("the worker pool is closed")
            if cost is None or cost.cheap:
                self._history.assume_cheap(Share(caller.stage, kind))
            self._waiting.add(caller, task, kind)
            self._ready.notify()
        try:
            result: R = await asyncio.wrap_future(task.future)
        finally:
            task.future.cancel()
        return result

    async def close(self) -> None:
        """Stop the workers; tasks not begun are cancelled, those begun are killed."""
        with self._ready:
            self._closing = True
            for task in self._waiting.take_all():
                task.future.cancel()
            self._ready.notify_all()
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            if worker.thread.ident is not None:
                await asyncio.to_thread(worker.thread.join)

    def processes(self) -> list[int]:
        """The ids of the worker processes that run now."""
        return [
            worker.process.pid for worker in self._workers if worker.process and worker.process.pid
        ]

    def next_task(self) -> Dequeued[_Task] | None:
        """Wait for a task that may run; None when the pool closes."""
        with self._ready:
            while True:
                if self._closing:
                    return None
                dequeued = self._waiting.take()
                if dequeued is None:
                    self._ready.wait()
                elif dequeued.item.future.set_running_or_notify_cancel():
                    return dequeued
                else:
                    self._waiting.ended(dequeued, None)

    def ended(self, dequeued: Dequeued[_Task], load: float) -> None:
        """The worker of a task is ready for another; ``load``: how costly it was."""
        with self._ready:
            self._waiting.ended(dequeued, load)
            # Others may have waited for it: it was costly, or its kind has turned out to be cheap.
            self._ready.notify_all()

    @property
    def memory_bytes(self) -> int | None:
        return self._memory_bytes

    @property
    def sandbox(self) -> bool:
        return self._sandbox

    @property
    def warm_up(self) -> tuple[str, ...]:
        return self._warm_up

    @property
    def closing(self) -> bool:
        return self._closing


def worker_pool(settings: Settings, warm_up: tuple[str, ...] = ()) -> WorkerPool:
    """A pool as large as the settings say, with their limits for each task."""
    return WorkerPool(
        settings.workers,
        memory_bytes=settings.worker_memory_mb * 1024 * 1024,
        seconds=settings.worker_seconds,
        warm_up=warm_up,
        sandbox=settings.worker_sandbox,
    )


class _Worker:
    """One worker process after the other, and the thread that feeds it."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._used = 0.0
        """Seconds of processor time that the last task took."""
        self.thread = threading.Thread(target=self._serve, name=f"worker-{number}", daemon=True)

    def kill(self) -> None:
        process = self.process  # the worker's own thread may take it away at any moment
        if process is not None:
            process.kill()

    def _serve(self) -> None:
        # Early, so that first tasks do not wait; if it fails now, the next task says why.
        with contextlib.suppress(OSError, WorkerCrashed):
            self._ensure_process()
        while (dequeued := self._pool.next_task()) is not None:
            task = dequeued.item
            try:
                result = self._perform(task)
            except BaseException as error:
                load = MAX_LOAD if isinstance(error, _COSTLY) else task.load(self._used)
                task.future.set_exception(error)
            else:
                load = task.load(self._used)
                task.future.set_result(result)
            if not self._pool.closing:
                # Until then it is still this task that holds the worker.
                with contextlib.suppress(OSError, WorkerCrashed):
                    self._ensure_process()
            self._pool.ended(dequeued, load)
        self._discard()

    def _perform(self, task: _Task) -> Any:
        self._used = 0.0
        connection = self._ensure_process()
        function, arguments = task.function, task.arguments
        if task.cost is not None and task.cost.limit is not None:
            function, arguments = call_within, (task.cost.limit, function, *arguments)
        try:
            connection.send_bytes(pickle.dumps((function, arguments)))
            if not connection.poll(task.seconds):
                self._discard()
                raise WorkerTimeout(
                    f"{task.function.__qualname__} took longer than {task.seconds:g} seconds"
                )
            succeeded, value, self._used = self._received(connection)
        except UnreadableAnswer:
            self._discard()
            raise
        except (EOFError, ConnectionError) as error:
            code = self._discard()
            if code == -signal.SIGXCPU:
                raise WorkerTimeout(
                    f"{task.function.__qualname__} took more processor time than its limit"
                ) from error
            raise WorkerCrashed(
                f"the worker died in {task.function.__qualname__} ({_describe_exit(code)})"
            ) from error
        if not succeeded:
            if isinstance(value, MemoryError):
                self._discard()  # what it still holds would fail the next task too
                raise WorkerOutOfMemory(
                    f"{task.function.__qualname__} needed more than the memory limit"
                )
            raise value
        return value

    def _received(self, connection: Connection) -> tuple[bool, Any, float]:
        """Whether it succeeded, the result or error, and the seconds of processor time used."""
        answer = connection.recv_bytes(_MAX_ANSWER_BYTES)
        if not self._pool.sandbox:
            succeeded, value, used = pickle.loads(answer)  # noqa: S301 - trusted like the daemon
            return bool(succeeded), value, used
        found = decode(answer)
        if not isinstance(found, tuple) or len(found) != 3 or not isinstance(found[2], float):
            raise UnreadableAnswer("a worker's answer is none")
        succeeded, value, used = found
        return bool(succeeded), value if succeeded else decode_error(value), used

    def _ensure_process(self) -> Connection:
        if (
            self.process is not None
            and self.process.poll() is None
            and self._connection is not None
        ):
            return self._connection
        self._discard()
        ours, theirs = Pipe()
        environment: dict[str, str] = {**_ONE_THREAD, **os.environ}
        if self._pool.sandbox:
            self._scratch = tempfile.TemporaryDirectory(
                prefix="lineal-worker-", ignore_cleanup_errors=True
            )
            environment = clean_environment(environment, Path(self._scratch.name))
        with theirs:
            descriptor = theirs.fileno()
            process = subprocess.Popen(
                [sys.executable, "-m", "lineal.workers.process", str(descriptor)],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        self.process, self._connection = process, ours
        if self._pool.closing:
            process.kill()
        # A task's time begins when its process is ready: starting one takes seconds.
        try:
            scratch = None if self._scratch is None else self._scratch.name
            start = WorkerStart(sys.path, self._pool.memory_bytes, self._pool.warm_up, scratch)
            ours.send_bytes(pickle.dumps(start))
            ready = ours.poll(_START_SECONDS) and self._received(ours)[0]
        except (EOFError, ConnectionError):
            ready = False
        if not ready:
            code = self._discard()
            raise WorkerCrashed(f"a worker process did not start ({_describe_exit(code)})")
        return ours

    def _discard(self) -> int | None:
        """End the process, if there is one; returns its exit code."""
        process, connection = self.process, self._connection
        self.process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return None
        process.kill()
        code = process.wait()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.cleanup()
        return code


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
