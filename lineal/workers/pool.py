"""A pool of worker processes whose death fails one task and not the daemon.

The executors of the standard library break as a whole when one process dies, and cannot stop a
task that hangs. Here every worker has a pipe of its own (no lock that a dying process could take
along), a thread that watches it, a time limit per task, and a memory limit from the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lineal.workers.answers import UnreadableAnswer
from lineal.workers.costs import MAX_LOAD, Cost, CostHistory, Share
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal.workers.fair_queue import ANY_CALLER, Caller, Dequeued, FairQueue
from lineal.workers.fork_server_process import ForkServer
from lineal.workers.limits import TaskLimits
from lineal.workers.worker_process import (
    MAX_ANSWER_BYTES,
    ProcessOptions,
    WorkerProcess,
    describe_exit,
)

if TYPE_CHECKING:
    from lineal.settings import Settings

R = TypeVar("R")

_OBJECT_FOLDERS = "objects", "cache"
"""Of a data folder: the objects, or those of a bucket that were read lately."""
_COSTLY = WorkerTimeout, WorkerOutOfMemory, WorkerCrashed, UnreadableAnswer
"""They cost a worker process, however soon."""

_LONG_SECONDS = 0.5
"""By the clock; what is over sooner keeps nobody waiting."""
_IN_BACKGROUND = 2
"""Tasks there, for each worker."""
_UNSTATED = Cost()
_CHEAP = 0.99
"""Load of what is just not costly."""


@dataclass(slots=True)
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float
    cost: Cost | None
    future: Future[Any]
    begun: Callable[[], None] | None = None
    process: WorkerProcess | None = None
    """That works on it."""

    def load(self, seconds: float) -> float:
        """How costly so many seconds of processor time are; a task that states no cost is not
        costly once it has ended, but is known by what it took: it would else always be taken for
        the cheapest."""
        if self.cost is None:
            return min(_UNSTATED.load(seconds), _CHEAP)
        return self.cost.load(seconds)

    def costly_after(self) -> float:
        """Seconds by the clock after which it is costly, whatever it was taken for."""
        return max(_LONG_SECONDS, (self.cost or _UNSTATED).costly_seconds)

    def to_background(self) -> None:
        if self.process is not None:
            self.process.yield_to_others()


class WorkerPool:
    """Runs top-level functions in other processes.

    Tasks of different callers take turns, so that a caller with many long tasks does not keep
    the others waiting behind all of them, and costly ones leave a worker to the others
    (:mod:`lineal.workers.fair_queue`). What runs for long goes on in the background while others
    wait, with what processor time they leave, and a process more takes its place.

    Args:
        workers: how many processes; up to twice as many more for tasks in the background, so that
            there is room for what turns out to be long beside what is known to be.
        memory_bytes: address space each may use; None for no limit.
        seconds: limit of a task that states none.
        sandbox: whether they are put into a sandbox (:mod:`lineal.workers.sandbox`): without the
            daemon's environment, network, or a place to write but a scratch folder, reading only
            what they work with (:mod:`lineal.workers.readable`) and files that are named here, and
            with answers that are data (:mod:`lineal.workers.answers`).
        warm_up: ``module:function`` names that are called before there are workers, so that first
            tasks do not wait for what these load.
        named: folders whose files tasks name; in the sandbox they cannot be listed.
        trees: further files and folders that tasks read.
    """

    def __init__(
        self,
        workers: int,
        *,
        memory_bytes: int | None = None,
        seconds: float = 300.0,
        warm_up: tuple[str, ...] = (),
        sandbox: bool = False,
        named: tuple[Path, ...] = (),
        trees: tuple[Path, ...] = (),
    ) -> None:
        self._options = ProcessOptions(memory_bytes, sandbox, named, trees)
        self.server = ForkServer(warm_up, sandbox=sandbox)
        self._seconds = seconds
        self._history = CostHistory()
        self._waiting: FairQueue[_Task] = FairQueue(
            workers,
            self._history,
            costly_after=_Task.costly_after,
            in_background=_IN_BACKGROUND * workers,
            to_background=_Task.to_background,
        )
        lock = threading.Lock()
        self._ready = threading.Condition(lock)
        self._further_ready = threading.Condition(lock)
        """For the workers that have work only while others hold all the rest."""
        self._closing = False
        self._few = workers
        all_workers = (1 + _IN_BACKGROUND) * workers
        self._workers = [
            _Worker(self, number, further=number >= workers) for number in range(all_workers)
        ]

    def start(self) -> None:
        for worker in self._workers:
            worker.thread.start()

    def allow_reading(self, paths: Iterable[Path]) -> None:
        """Allow tasks to read further files and folders from now on; only a sandbox forbids it."""
        trees = dict.fromkeys((*self._options.trees, *(path.absolute() for path in paths)))
        self._options = replace(self._options, trees=tuple(trees))

    async def run(
        self,
        function: Callable[..., R],
        *arguments: Any,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
        begun: Callable[[], None] | None = None,
    ) -> R:
        """Call ``function(*arguments)`` in a worker; both must be picklable, and the result too,
        or, in a sandbox, be data.

        Args:
            seconds: how long it may take by the clock.
            cost: what is known of its cost; None: it is taken for cheap unless tasks like it run
                into limits.
            begun: called, in another thread, when a worker has taken it up.

        Raises:
            WorkerCrashed, WorkerTimeout, WorkerOutOfMemory: see there.
            Exception: whatever the function raised.
        """
        task = _Task(function, arguments, seconds or self._seconds, cost, Future(), begun)
        kind = "" if cost is None else cost.kind
        with self._ready:
            if self._closing:
                raise RuntimeError("the worker pool is closed")
            if cost is None or cost.cheap:
                self._history.assume_cheap(Share(caller.stage, kind))
            self._waiting.add(caller, task, kind)
            self._ready.notify()
            self._further_ready.notify()
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
            self._further_ready.notify_all()
        self.server.close()
        for worker in self._workers:
            if worker.thread.ident is not None:
                await asyncio.to_thread(worker.thread.join)
        await asyncio.to_thread(self.server.join)

    def processes(self) -> list[int]:
        """The ids of the worker processes that run now."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    def next_task(self, *, further: bool) -> Dequeued[_Task] | None:
        """Wait for a task that may run; None when the pool closes.

        Args:
            further: only while other tasks hold as many workers as there are without the further
                ones.
        """
        with self._ready:
            while True:
                if self._closing:
                    return None
                if further and self._waiting.running < self._few:
                    self._further_ready.wait()
                elif (dequeued := self._waiting.take()) is None:
                    ready = self._further_ready if further else self._ready
                    ready.wait(self._waiting.seconds_until_long())
                elif dequeued.item.future.set_running_or_notify_cancel():
                    # One of them may have to take its place, if it runs for long.
                    self._further_ready.notify()
                    return dequeued
                else:
                    self._waiting.ended(dequeued)

    def answered(self, dequeued: Dequeued[_Task], load: float) -> None:
        """A task has come to its end, though its worker may not be ready for another;
        ``load``: how costly it was."""
        with self._ready:
            self._waiting.answered(dequeued, load)
            # Its kind may have turned out to be cheap.
            self._ready.notify_all()
            self._further_ready.notify_all()

    def ended(self, dequeued: Dequeued[_Task]) -> None:
        """The worker of a task is ready for another."""
        with self._ready:
            self._waiting.ended(dequeued)
            # Others may have waited for it, as it was costly.
            self._ready.notify_all()
            self._further_ready.notify_all()

    @property
    def options(self) -> ProcessOptions:
        """How processes are started now."""
        return self._options

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
        named=tuple(settings.data.absolute() / name for name in _OBJECT_FOLDERS),
        trees=tuple(path.absolute() for path in settings.worker_reads),
    )


class _Worker:
    """One worker process after the other, and the thread that feeds it."""

    def __init__(self, pool: WorkerPool, number: int, *, further: bool) -> None:
        self._pool = pool
        self._further = further
        self._process: WorkerProcess | None = None
        self._used = 0.0
        """Seconds of processor time that the last task took."""
        self.thread = threading.Thread(target=self._serve, name=f"worker-{number}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of its process, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def _serve(self) -> None:
        # Early, so that first tasks do not wait; if it fails now, the next task says why.
        if not self._further:
            with contextlib.suppress(OSError, WorkerCrashed):
                self._ensure_process()
        while (dequeued := self._pool.next_task(further=self._further)) is not None:
            task = dequeued.item
            if task.begun is not None:
                task.begun()
            # Whoever learns how it ended may come with another of its kind at once.
            try:
                result = self._perform(task)
            except BaseException as error:
                costly = isinstance(error, _COSTLY)
                self._pool.answered(dequeued, MAX_LOAD if costly else task.load(self._used))
                task.future.set_exception(error)
            else:
                self._pool.answered(dequeued, task.load(self._used))
                task.future.set_result(result)
            if self._further or dequeued.in_background:
                self._discard()
            if not self._further and not self._pool.closing:
                # Until then it is still this task that holds the worker.
                with contextlib.suppress(OSError, WorkerCrashed):
                    self._ensure_process()
            self._pool.ended(dequeued)
        self._discard()

    def _perform(self, task: _Task) -> Any:
        self._used = 0.0
        process = task.process = self._ensure_process()
        processor = None if task.cost is None else task.cost.limit
        try:
            message = pickle.dumps((task.function, task.arguments))
            limits = TaskLimits(task.function.__qualname__, process.pid, task.seconds, processor)
            process.connection.send_bytes(message)
            answer = limits.answer(process.connection, MAX_ANSWER_BYTES)
            succeeded, value, self._used = process.decoded(answer)
        except (UnreadableAnswer, WorkerTimeout):
            self._discard()
            raise
        except (EOFError, ConnectionError) as error:
            code = self._discard()
            raise WorkerCrashed(
                f"the worker died in {task.function.__qualname__} ({describe_exit(code)})"
            ) from error
        if not succeeded:
            if isinstance(value, MemoryError):
                self._discard()  # what it still holds would fail the next task too
                raise WorkerOutOfMemory(
                    f"{task.function.__qualname__} needed more than the memory limit"
                )
            raise value
        return value

    def _ensure_process(self) -> WorkerProcess:
        options = self._pool.options
        if self._process is None or not self._process.fits(options):
            self._discard()
            # A task's time begins when its process is ready: the first one takes seconds.
            self._process = WorkerProcess(options, self._pool.server)
        return self._process

    def _discard(self) -> int | None:
        """End the process, if there is one; returns its exit code."""
        process, self._process = self._process, None
        return None if process is None else process.end()
