"""Tries to make the tables of projections, in memory: a package whose tables cannot be made, or
have the names of others, is not to keep anybody from the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from lineal.store.declared_tables import BUS, PRODUCERS, SHARED

if TYPE_CHECKING:
    from lineal.store.derived_table import Table


class TrialTables:
    """A database in memory that has the tables of every store. Use it as a context manager."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.executescript("".join((BUS, *SHARED, PRODUCERS)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def problem_of(self, tables: Sequence[Table]) -> str:
        """Make the tables of a projection beside those made so far; why they cannot be, empty if
        they can."""
        connection = self._connection
        try:
            connection.executescript(f"BEGIN; {''.join(table.sql for table in tables)}")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            return f"its tables cannot be made: {error}"
        made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if missing := [table.name for table in tables if table.name not in made]:
            connection.rollback()
            return f"its statements make no table {missing[0]}"
        connection.commit()
        return ""
