"""SQLite's ways of saying what every store must say."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lineal.lineage.projections import Table
from lineal.store.connection import Connection

Durability = Literal["full", "normal"]


class Sqlite:
    """See :class:`lineal.store.connection.Dialect`."""

    name = "sqlite"

    def merged_json(self, old: str, new: str) -> str:
        return f"json_patch({old}, {new})"

    def lock_ledger(self, connection: Connection) -> None:
        """There is one writer at a time anyway."""

    def recreate(self, connection: Connection, table: Table) -> None:
        connection.execute(f"DROP TABLE IF EXISTS {table.name}")
        for statement in table.sql.split(";"):
            if statement.strip():
                connection.execute(statement)


class SqliteConnection(sqlite3.Connection):
    """A connection that knows its dialect; made by ``sqlite3.connect(factory=...)``."""

    dialect = Sqlite()

    def stream(self, sql: str, parameters: Sequence[Any] = (), /) -> sqlite3.Cursor:
        """Rows one by one: SQLite finds each when it is asked for."""
        return self.execute(sql, parameters)


def connect(path: Path, durability: Durability) -> SqliteConnection:
    """A connection to a database file, which is made if missing."""
    connection = sqlite3.connect(
        path, timeout=60, isolation_level=None, check_same_thread=False,
        cached_statements=256, factory=SqliteConnection,
    )  # fmt: skip
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA cache_size = -32768")
    # Pages that many commits change are copied to the database once for all of them.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection
