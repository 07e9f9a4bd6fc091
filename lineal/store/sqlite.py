"""The SQLite dialect: what differs from Postgres."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lineal.store.connection import Connection
from lineal.store.derived_table import Table, as_temporary
from lineal.store.sqlite_errors import translate_error

Durability = Literal["full", "normal"]


class Sqlite:
    """See :class:`lineal.store.connection.Dialect`."""

    name = "sqlite"
    temporary_schema = "temp"

    def lock_ledger(self, connection: Connection) -> None:
        """There is one writer at a time anyway."""

    def define(self, connection: Connection, tables: str) -> None:
        for statement in tables.split(";"):
            if statement.strip():
                connection.execute(statement)

    def has_table(self, connection: Connection, name: str) -> bool:
        found = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
        )
        return found.fetchone() is not None

    def recreate(self, connection: Connection, table: Table) -> None:
        connection.execute(f"DROP TABLE IF EXISTS {table.name}")
        self.define(connection, table.sql)

    def shadow(self, connection: Connection, table: Table) -> str:
        self.define(connection, as_temporary(table.sql))
        return f"main.{table.name}"


class SqliteConnection(sqlite3.Connection):
    """A connection that knows its dialect; made by ``sqlite3.connect(factory=...)``."""

    dialect = Sqlite()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement.

        Raises:
            StoreUnavailable, StoreDamaged: no statement is at fault.
            sqlite3.Error: this one is.
        """
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            raise translate_error(error) from error

    def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
        """Run a statement for each row.

        Raises:
            As :meth:`execute`.
        """
        try:
            return super().executemany(sql, rows)
        except sqlite3.Error as error:
            raise translate_error(error) from error

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        """Run statements.

        Raises:
            As :meth:`execute`.
        """
        try:
            return super().executescript(script)
        except sqlite3.Error as error:
            raise translate_error(error) from error

    def stream(self, sql: str, parameters: Sequence[Any] = (), /) -> sqlite3.Cursor:
        """Rows one by one: SQLite computes each when it is fetched."""
        return self.execute(sql, parameters)


def connect(path: Path, durability: Durability) -> SqliteConnection:
    """A connection to a database file, which is made if missing.

    Raises:
        StoreUnavailable, StoreDamaged: it cannot be used.
    """
    try:
        connection = sqlite3.connect(
            path, timeout=60, isolation_level=None, check_same_thread=False,
            cached_statements=256, factory=SqliteConnection,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise translate_error(error) from error
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA cache_size = -32768")
    # What is deleted is overwritten: nothing of it is to be found in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    # Pages that many commits change are copied to the database once for all of them.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def connect_read_only(path: Path, *, busy_seconds: float) -> SqliteConnection:
    """A read-only connection to an existing database file.

    Raises:
        StoreUnavailable: it cannot be opened.
    """
    try:
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=busy_seconds,
            isolation_level=None, factory=SqliteConnection,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise translate_error(error) from error


def missing_feature() -> str | None:
    """What this Python's SQLite cannot do that we need; None if it can do all."""
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5 (text)")
            connection.execute("CREATE TABLE r (x) ")
            connection.execute("INSERT INTO r VALUES (1) RETURNING x").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None
