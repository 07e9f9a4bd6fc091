"""A pool of worker processes whose death fails one task and not the daemon.

The executors of the standard library break as a whole when one process dies, and cannot stop a
task that hangs. Here every worker has a pipe of its own (no lock that a dying process could take
along), a thread that watches it, a time limit per task, and a memory limit from the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

R = TypeVar("R")

_PR_SET_PDEATHSIG = 1
"""prctl(2); Linux only."""


class WorkerCrashed(RuntimeError):
    """The worker process died while it had the task: the engine crashed, or it was killed."""


class WorkerTimeout(RuntimeError):
    """The task took longer than its limit; its process was killed."""


class WorkerOutOfMemory(MemoryError):
    """The task needed more memory than the limit."""


@dataclass(slots=True)
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float
    future: Future[Any]


class WorkerPool:
    """Runs top-level functions in other processes.

    Tasks of different callers take turns, so that a caller with many long tasks does not keep
    the others waiting behind all of them.

    Args:
        workers: how many processes.
        memory_bytes: address space each may use; None for no limit.
        seconds: limit of a task that states none.
        preload: modules every worker imports at its start, so that first tasks do not wait.
    """

    def __init__(
        self,
        workers: int,
        *,
        memory_bytes: int | None = None,
        seconds: float = 300.0,
        preload: tuple[str, ...] = (),
    ) -> None:
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._preload = preload
        self._queues: dict[str, deque[_Task]] = {}
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
        caller: str = "",
        seconds: float | None = None,
    ) -> R:
        """Call ``function(*arguments)`` in a worker; both, and the result, must be picklable.

        Raises:
            WorkerCrashed, WorkerTimeout, WorkerOutOfMemory: see there.
            Exception: whatever the function raised.
        """
        task = _Task(function, arguments, seconds or self._seconds, Future())
        with self._ready:
            if self._closing:
                raise RuntimeError("the worker pool is closed")
            self._queues.setdefault(caller, deque()).append(task)
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
            for tasks in self._queues.values():
                for task in tasks:
                    task.future.cancel()
            self._queues.clear()
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

    def next_task(self) -> _Task | None:
        """Wait for a task, taking from the callers in turn; None when the pool closes."""
        with self._ready:
            while True:
                if self._closing:
                    return None
                for caller in list(self._queues):
                    tasks = self._queues.pop(caller)
                    task = tasks.popleft()
                    if tasks:
                        self._queues[caller] = tasks  # to the end: the others come first
                    if task.future.set_running_or_notify_cancel():
                        return task
                    break
                else:
                    self._ready.wait()

    @property
    def memory_bytes(self) -> int | None:
        return self._memory_bytes

    @property
    def preload(self) -> tuple[str, ...]:
        return self._preload

    @property
    def closing(self) -> bool:
        return self._closing


class _Worker:
    """One worker process after the other, and the thread that feeds it."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self.process: SpawnProcess | None = None
        self.thread = threading.Thread(target=self._serve, name=f"worker-{number}", daemon=True)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def _serve(self) -> None:
        self._ensure_process()
        while (task := self._pool.next_task()) is not None:
            try:
                result = self._perform(task)
            except BaseException as error:
                task.future.set_exception(error)
            else:
                task.future.set_result(result)
        self._discard()

    def _perform(self, task: _Task) -> Any:
        connection = self._ensure_process()
        try:
            connection.send((task.function, task.arguments))
            if not connection.poll(task.seconds):
                self._discard()
                raise WorkerTimeout(
                    f"{task.function.__qualname__} took longer than {task.seconds:g} seconds"
                )
            succeeded, value = connection.recv()
        except (EOFError, ConnectionError) as error:
            code = self._discard()
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

    def _ensure_process(self) -> Connection:
        if self.process is not None and self.process.is_alive() and self._connection is not None:
            return self._connection
        self._discard()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work,
            args=(theirs, self._pool.memory_bytes, self._pool.preload),
            name="lineal-worker",
            daemon=True,
        )
        process.start()
        theirs.close()
        self.process, self._connection = process, ours
        if self._pool.closing:
            process.kill()
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
        process.join()
        return process.exitcode


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _die_with_parent() -> None:
    """Have the kernel end this process with the daemon, even in the middle of a task that hangs."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _work(connection: Connection, memory_bytes: int | None, preload: tuple[str, ...]) -> None:
    """A worker's main loop: ends with the daemon."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _die_with_parent()
    # One thread per process for engines that would otherwise start one per core in each of them.
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for module in preload:
        with contextlib.suppress(ImportError):
            __import__(module)
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, ConnectionError):
            return
        except Exception as error:  # a function or argument that cannot be unpickled
            connection.send((False, error))
            continue
        try:
            outcome: tuple[bool, Any] = (True, function(*arguments))
        except BaseException as error:
            outcome = (False, error)
        try:
            connection.send(outcome)
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            connection.send((False, RuntimeError(f"the result cannot be sent: {error}")))
