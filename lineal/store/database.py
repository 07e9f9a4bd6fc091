"""The embedded database: one SQLite file, written by one thread per process, many commits as one.

Everything a step changes (positions, outputs, lineage, metadata, memo, search) is in this file, so
that it is one transaction. Processes take turns through a file lock: unlike SQLite's own busy
handler, which polls, it wakes the next writer at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lineal.store.blobs import FileBlobs
from lineal.store.sqlite import Durability, SqliteConnection, connect
from lineal.store.tables import create_tables
from lineal.store.wakeup import Wakeups

T = TypeVar("T")

_MOST_JOBS_PER_COMMIT = 256


class DatabaseClosed(RuntimeError):
    """Work was handed in after the database was closed."""


@dataclass(slots=True)
class _Job:
    work: Callable[[SqliteConnection], Any]
    future: asyncio.Future[Any]
    wake: Collection[str]
    result: Any = None
    error: BaseException | None = field(default=None)


class Database:
    """A connection for reading, used in the event loop, and a thread that writes.

    Args:
        directory: the data directory; made if missing.
        durability: ``full`` syncs every commit to the disk; ``normal`` may lose the last commits
            when the machine (not the process) dies.
    """

    def __init__(self, directory: Path, *, durability: Durability = "full") -> None:
        self.directory = directory
        self.path = directory / "lineal.db"
        self.wakeups = Wakeups(directory / "run")
        self._durability = durability
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.reader: SqliteConnection

    def open(self) -> None:
        """Create what is missing and start writing; to be called in the running loop."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        with self._turn(), contextlib.closing(self._connect()) as connection:
            create_tables(connection)
        self.reader = self.reading_connection()
        self.wakeups.open()
        self._thread = threading.Thread(
            target=self._write_jobs, args=(self._connect(),), name="database-writer", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """Finish the writes handed in so far, then close."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None  # nothing may be handed in behind the end
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        self.reader.close()
        self.wakeups.close()

    def reading_connection(self) -> SqliteConnection:
        """Another connection that cannot write, for reads too long for the event loop."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    async def read(self, work: Callable[[SqliteConnection], T]) -> T:
        """Run ``work`` on the connection for reading: short questions only, the loop waits."""
        return work(self.reader)

    async def write(
        self, work: Callable[[SqliteConnection], T], *, wake: Collection[str] = ()
    ) -> T:
        """Run ``work`` inside a transaction and return its result once it is durable.

        Several callers' work may share a transaction; what raises is undone alone. ``wake`` names
        the topics whose waiters, in all processes, are to look again.

        Raises:
            sqlite3.Error: the transaction failed (a full disk, for one); nothing was written.
            Exception: whatever ``work`` raised.
        """
        if self._thread is None or self._loop is None:
            raise DatabaseClosed("the database is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future, wake))
        return await future

    def _connect(self) -> SqliteConnection:
        return connect(self.path, self._durability)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with (self.directory / "write.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write_jobs(self, connection: SqliteConnection) -> None:
        stopping = False
        while not stopping:
            jobs: list[_Job] = []
            job = self._jobs.get()
            while True:
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
                if len(jobs) == _MOST_JOBS_PER_COMMIT:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._commit(connection, jobs)
        connection.close()

    def _commit(self, connection: SqliteConnection, jobs: list[_Job]) -> None:
        try:
            with self._turn():
                connection.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    _run_in_savepoint(connection, job)
                connection.execute("COMMIT")
        except Exception as error:  # whatever it is: without this thread nothing is ever written
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            for job in jobs:
                job.error = error
        topics = {topic for job in jobs if job.error is None for topic in job.wake}
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop may be gone when a process is stopped
            self._loop.call_soon_threadsafe(self._deliver, jobs, topics)
        if topics:
            # The others look for themselves now and then; no descriptors left is no reason to end.
            with contextlib.suppress(OSError):
                self.wakeups.wake_others(topics)

    def _deliver(self, jobs: list[_Job], topics: Collection[str]) -> None:
        for job in jobs:
            if job.future.cancelled():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
        self.wakeups.wake_local(topics)


def file_blobs(database: Database) -> FileBlobs:
    """The large objects in the data directory of a database."""
    wakeups = database.wakeups
    return FileBlobs(database.directory, wakeups.directory, wakeups.member)


def _run_in_savepoint(connection: SqliteConnection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:
        if not connection.in_transaction:  # a full disk makes SQLite roll everything back itself
            raise
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")
