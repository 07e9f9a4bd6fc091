"""Batches writes: one thread of a process runs what many callers pass in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from lineal.errors import StoreClosed

T = TypeVar("T")


class WritingConnection(Protocol):
    """What is asked of a connection to undo one caller's work and keep the others'."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, /) -> object: ...


C = TypeVar("C", bound=WritingConnection)


@dataclass(slots=True)
class Job(Generic[C]):
    """A caller's work, and what became of it."""

    work: Callable[[C], Any]
    future: asyncio.Future[Any]
    wake: Collection[str]
    result: Any = None
    error: BaseException | None = None


class BatchWriter(ABC, Generic[C]):
    """Takes work from the event loop to the thread that writes.

    Args:
        name: of the thread.
        max_jobs: callers whose work may share a transaction.
    """

    def __init__(self, name: str, *, max_jobs: int) -> None:
        self._name = name
        self._max_jobs = max_jobs
        self._jobs: queue.SimpleQueue[Job[C] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def write(self, work: Callable[[C], T], *, wake: Collection[str] = ()) -> T:
        """Run ``work`` inside a transaction and return its result once it is durable.

        Several callers' work may share a transaction; what raises is undone alone. ``wake`` names
        the topics whose waiters, in all processes, are to look again.

        Raises:
            StoreUnavailable: the transaction failed (a full disk, for one).
            BaseException: whatever ``work`` raised; RuntimeError for ``StopIteration``.
        """
        if self._thread is None or self._loop is None:
            raise StoreClosed("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(Job(work, future, wake))
        return await future

    def _start(self) -> None:
        """Start writing; to be called in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    async def _finish(self) -> bool:
        """Write what was handed in so far, and nothing after; False if that was done before."""
        if self._thread is None:
            return False
        thread, self._thread = self._thread, None  # nothing may be handed in behind the end
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        return True

    @abstractmethod
    def _transact(self, jobs: Sequence[Job[C]]) -> None:
        """Run this work in one transaction; each part ends with its result or its error. Never
        raises, whatever the work raises: without the writer thread nothing is ever written, and
        whoever waits for it waits for ever."""

    def _transacted(self, jobs: Sequence[Job[C]]) -> None:
        """Called in the thread after the callers have their results."""

    def _delivered(self, jobs: Sequence[Job[C]]) -> None:
        """Called in the event loop after the callers have their results."""

    @abstractmethod
    def _end(self) -> None:
        """Called in the thread when nothing will be written any more."""

    def _run(self) -> None:
        stopping = False
        while not stopping:
            jobs: list[Job[C]] = []
            job = self._jobs.get()
            while True:
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
                if len(jobs) == self._max_jobs:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._transact(jobs)
                assert self._loop is not None
                with contextlib.suppress(RuntimeError):  # no loop: the process is being stopped
                    self._loop.call_soon_threadsafe(self._deliver, jobs)
                self._transacted(jobs)
        self._end()

    def _deliver(self, jobs: Sequence[Job[C]]) -> None:
        for job in jobs:
            if job.future.cancelled():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(_deliverable(job.error))
        self._delivered(jobs)


def run_jobs(connection: C, jobs: Sequence[Job[C]]) -> None:
    """Run all work in the connection's transaction; what raises is undone alone.

    Raises:
        BaseException: the transaction is lost with all that was in it, or the only job raised this.
    """
    if len(jobs) == 1:  # undone with its transaction
        jobs[0].result = jobs[0].work(connection)
        return
    for job in jobs:
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(connection)
            connection.execute("RELEASE job")
        except BaseException as error:
            if not connection.in_transaction:  # a full disk: SQLite rolls everything back itself
                raise
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
            job.error = error


def _deliverable(error: BaseException) -> BaseException:
    """What a future can hold of an error: it refuses ``StopIteration`` (``next`` of no rows)."""
    if not isinstance(error, StopIteration):
        return error
    held = RuntimeError(f"the work raised {error!r}")
    held.__cause__ = error
    return held


def fail_all(jobs: Sequence[Job[C]], error: BaseException) -> None:
    """Nothing of this work was written."""
    for job in jobs:
        job.error = error
