"""The store in Postgres: reads in threads of their own, writes in one thread, many as one.

Transactions of all machines that write take turns (an advisory lock), as those of all processes do
in the embedded database: the ledger's numbers have no gaps and are in the order of the commits, and
no two can wait for each other. What makes up for it is that everything handed in meanwhile shares
the next turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lineal.errors import LinealError, StoreClosed, StoreRejected, StoreUnavailable
from lineal.store.batches import BatchWriter, Job, fail_all, run_jobs
from lineal.store.connection import StoreOpener
from lineal.store.postgres.connection import PostgresConnection, connect, place
from lineal.store.postgres.errors import rejection
from lineal.store.postgres.preflight import check_server
from lineal.store.postgres.tables import create_tables

T = TypeVar("T")

_MAX_JOBS_PER_COMMIT = 60
"""Each has a savepoint; of more than 64, Postgres has to look up which belong together."""
_READERS = 4


class PostgresStore(BatchWriter[PostgresConnection]):
    """See :class:`lineal.store.connection.Store`. Needs up to five connections.

    Args:
        url: as libpq reads it: ``postgresql://user:password@host/database?sslmode=...``.
    """

    def __init__(self, url: str) -> None:
        super().__init__("store-writer", max_jobs=_MAX_JOBS_PER_COMMIT)
        self._url = url
        self._writer: PostgresConnection | None = None
        self._idle: list[PostgresConnection] = []
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._closed = False

    async def open(self) -> None:
        """Connect, make the tables if there are none, and start writing in the running loop.

        Raises:
            StoreUnavailable: the server cannot be reached now.
            StoreRejected, IncompatibleDatabase: it cannot be used as it is.
        """
        self._writer = await asyncio.to_thread(_prepare, self._url)
        self._start()

    @property
    def opener(self) -> StoreOpener:
        return partial(_open, self._url)

    async def close(self) -> None:
        """Finish the writes handed in so far, then close."""
        self._closed = True
        await self._finish()
        await asyncio.to_thread(self._readers.shutdown)
        while self._idle:
            self._idle.pop().close()

    async def read(self, work: Callable[[PostgresConnection], T]) -> T:
        """Run ``work`` on a connection that cannot write, in a thread; perhaps twice, when the
        connection turns out to be lost.

        Raises:
            StoreUnavailable: the store cannot be reached.
            Exception: whatever ``work`` raised.
        """
        if self._closed:
            raise StoreClosed("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[PostgresConnection], T]) -> T:
        while (connection := self._kept()) is not None:
            # The server may have ended since; only a new connection says whether it is away.
            with contextlib.suppress(_Lost):
                return self._read_on(connection, work)
        try:
            return self._read_on(_connect(self._url, write=False), work)
        except _Lost as lost:
            raise lost.reason from lost

    def _kept(self) -> PostgresConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _read_on(
        self, connection: PostgresConnection, work: Callable[[PostgresConnection], T]
    ) -> T:
        try:
            return work(connection)
        except StoreUnavailable as error:
            if not connection.usable:
                raise _Lost(error) from error
            raise
        finally:
            if connection.usable:
                self._idle.append(connection)
            else:
                connection.close()

    def _transact(self, jobs: Sequence[Job[PostgresConnection]]) -> None:
        try:
            connection = self._begun()
            try:
                run_jobs(connection, jobs)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
        except BaseException as error:
            fail_all(jobs, error)

    def _begun(self) -> PostgresConnection:
        """A connection in a transaction that has the lock."""
        if self._writer is not None and self._writer.usable:
            try:
                self._writer.begin()
                return self._writer
            except StoreUnavailable:
                if self._writer.in_transaction:  # others take too long: they still will
                    self._writer.rollback()
                    raise
        self._end()
        self._writer = _connect(self._url, write=True)
        self._writer.begin()
        return self._writer

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def _open(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open()
    return store


class _Lost(LinealError):
    """A connection was lost while it read; the work can be done again."""

    def __init__(self, reason: StoreUnavailable) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _connect(url: str, *, write: bool) -> PostgresConnection:
    """A connection that a caller waits for: a refusal is retried too (a name that does not resolve
    yet, a password that is being changed)."""
    try:
        return connect(url, write=write)
    except StoreRejected as error:
        raise StoreUnavailable(str(error)) from error


def _prepare(url: str) -> PostgresConnection:
    """A connection to write with, to a database that has the tables."""
    connection = connect(url, write=True)
    try:
        check_server(connection, url)
        connection.begin()
        create_tables(connection)
        connection.commit()
    except StoreUnavailable as error:
        connection.close()
        raise rejection(error, place(url)) or error from error
    except BaseException:
        connection.close()
        raise
    return connection
