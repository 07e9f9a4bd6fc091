"""The embedded database: one SQLite file, one writer thread a process, group commit.

Everything a step changes (positions, outputs, lineage, metadata, memo, search) is in this file, so
that it is one transaction. Processes take turns through a file lock: unlike SQLite's own busy
handler, which polls, it wakes the next writer at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from lineal.errors import LinealError
from lineal.store.batches import BatchWriter, Job, fail_all, run_jobs
from lineal.store.blobs import FileBlobs
from lineal.store.connection import StoreOpener
from lineal.store.private import make_private, make_private_file
from lineal.store.sqlite import Durability, SqliteConnection, connect
from lineal.store.sqlite_errors import translate_error
from lineal.store.tables import create_tables
from lineal.store.wakeup import Wakeups

T = TypeVar("T")

_MAX_JOBS_PER_COMMIT = 256


class Database(BatchWriter[SqliteConnection]):
    """A connection for reading, used in the event loop, and a thread that writes.

    Args:
        directory: the data directory; made if missing.
        durability: ``full`` syncs every commit to the disk; ``normal`` may lose the last commits
            when the machine (not the process) dies.
    """

    def __init__(self, directory: Path, *, durability: Durability = "full") -> None:
        super().__init__("database-writer", max_jobs=_MAX_JOBS_PER_COMMIT)
        self.directory = directory
        self.path = directory / "lineal.db"
        self.wakeups = Wakeups(directory / "run")
        self._durability = durability
        self._writer: SqliteConnection
        self.reader: SqliteConnection

    def open(self) -> None:
        """Create what is missing and start writing; to be called in the running loop."""
        make_private(self.directory)
        make_private_file(self.path)
        with self._turn(), contextlib.closing(self._connect()) as connection:
            create_tables(connection)
        self.reader = self.reading_connection()
        self.wakeups.open()
        self._writer = self._connect()
        self._start()

    async def close(self) -> None:
        """Finish the writes handed in so far, then close."""
        if await self._finish():
            self.reader.close()
            self.wakeups.close()

    @property
    def opener(self) -> StoreOpener:
        return partial(_open, self.directory, self._durability)

    def reading_connection(self) -> SqliteConnection:
        """Another connection that cannot write, for reads too long for the event loop."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def empty_log(self, *, rewrite: bool = False) -> bool:
        """Copy what the write-ahead log holds into the database and make its file empty; False
        while somebody reads an older state.

        Args:
            rewrite: also rewrite the whole database, without its free pages.
        """
        with self._turn(), contextlib.closing(self._connect()) as connection:
            if rewrite:
                connection.execute("VACUUM")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    async def read(self, work: Callable[[SqliteConnection], T]) -> T:
        """Run ``work`` on the connection for reading: short questions only, the loop waits."""
        try:
            return work(self.reader)
        except sqlite3.Error as error:  # while rows were fetched
            raise translate_error(error) from error

    def _connect(self) -> SqliteConnection:
        return connect(self.path, self._durability)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with (self.directory / "write.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _transact(self, jobs: Sequence[Job[SqliteConnection]]) -> None:
        connection = self._writer
        try:
            with self._turn():
                connection.execute("BEGIN IMMEDIATE")
                run_jobs(connection, jobs)
                connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error, LinealError):
                    connection.execute("ROLLBACK")
            fail_all(jobs, error)
        for job in jobs:
            if isinstance(job.error, sqlite3.Error):  # while rows were fetched
                job.error = translate_error(job.error)

    def _transacted(self, jobs: Sequence[Job[SqliteConnection]]) -> None:
        if topics := _topics_to_wake(jobs):
            # The others look for themselves now and then; no descriptors left is no reason to end.
            with contextlib.suppress(OSError):
                self.wakeups.wake_other_processes(topics)

    def _delivered(self, jobs: Sequence[Job[SqliteConnection]]) -> None:
        self.wakeups.wake_local(_topics_to_wake(jobs))

    def _end(self) -> None:
        self._writer.close()


async def _open(directory: Path, durability: Durability) -> Database:
    database = Database(directory, durability=durability)
    database.open()
    return database


def _topics_to_wake(jobs: Sequence[Job[SqliteConnection]]) -> Collection[str]:
    return {topic for job in jobs if job.error is None for topic in job.wake}


def file_blobs(database: Database) -> FileBlobs:
    """The large objects in the data directory of a database."""
    wakeups = database.wakeups
    return FileBlobs(database.directory, wakeups.directory, wakeups.member)
