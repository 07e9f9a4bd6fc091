"""The interfaces ``Store`` and ``Connection``, the same for SQLite and Postgres.

The SQL of ledger, projections and memo is the same for SQLite and Postgres (``?`` marks a
parameter, upserts say ``ON CONFLICT``). What cannot be the same is a :class:`Dialect`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from lineal.store.derived_table import Table

T = TypeVar("T")

POSTGRES = ("postgresql://", "postgres://")
"""How the URL of a store in Postgres begins."""


class Cursor(Protocol):
    """The rows of a statement."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Dialect(Protocol):
    """The SQL that differs between SQLite and Postgres."""

    name: str
    temporary_schema: str
    """Where temporary tables are."""

    def lock_ledger(self, connection: Connection) -> None:
        """Let no other transaction append until this one ends: records are numbered in the order
        in which they are committed."""
        ...

    def define(self, connection: Connection, tables: str) -> None:
        """Make tables and indexes that are written as SQLite understands them."""
        ...

    def has_table(self, connection: Connection, name: str) -> bool:
        """Whether there is a table of this name."""
        ...

    def recreate(self, connection: Connection, table: Table) -> None:
        """Empty a table of a projection, whatever is left of it."""
        ...

    def shadow(self, connection: Connection, table: Table) -> str:
        """Make a temporary table that hides one of a projection from whoever names it without its
        schema; returns the full name of the one that is hidden. On a connection that only reads,
        in the transaction that :func:`lineal.proof.verification.begin_snapshot` begins."""
        ...


class Connection(Protocol):
    """A connection inside a transaction (when writing), or one that only reads."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> Cursor: ...

    def stream(self, sql: str, parameters: Sequence[Any] = ..., /) -> Iterator[Any]:
        """Rows one by one, however many there are; nothing else may be asked until the last."""
        ...


class Store(Protocol):
    """Ledger, projections, memo and small objects."""

    @property
    def opener(self) -> StoreOpener:
        """How another process of this machine opens it."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a connection that cannot write, and is ``work``'s until it returns.

        Raises:
            StoreUnavailable: the store cannot be reached.
            Exception: whatever ``work`` raised.
        """
        ...

    async def write(self, work: Callable[[Connection], T], *, wake: Collection[str] = ()) -> T:
        """Run ``work`` inside a transaction and return its result once it is durable.

        ``wake`` names topics of the embedded bus whose waiters are to look again.

        Raises:
            StoreUnavailable: the store cannot be reached. Nothing was written, unless it went away
                in the very moment of the commit: what is written again must be idempotent.
            Exception: whatever ``work`` raised; nothing of it was written.
        """
        ...

    async def close(self) -> None:
        """Finish the writes handed in so far, then close."""
        ...


StoreOpener = Callable[[], Awaitable[Store]]
"""Opens a store in the running loop; can be pickled.

Raises:
    StoreUnavailable: it cannot be reached now.
"""
