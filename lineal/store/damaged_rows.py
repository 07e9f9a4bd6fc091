"""Reads what is still readable of a table in a damaged database: around what is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from lineal.errors import StoreDamaged

Row = tuple[Any, ...]
_MAX_FAILURES = 5_000
"""Of rows of one table that are asked for one by one."""
_BEYOND = 1 << 16
"""Row ids looked for behind the last readable one, where the end of the table is damaged."""
_DAMAGED = (StoreDamaged, sqlite3.Error, OverflowError)


def columns_of(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """The columns of a table, and those of its primary key."""
    rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [row[1] for row in rows], [row[1] for row in rows if row[5]]


def readable_rows(
    connection: sqlite3.Connection, table: str, columns: list[str], key: list[str]
) -> Iterator[Row]:
    """All rows that can be read: from the beginning on, from the end back, and between both by row
    id, where the table has them."""
    names = ", ".join(columns)
    has_rowid = _reads(connection, f"SELECT rowid FROM {table} LIMIT 0")
    order = "rowid" if has_rowid else ", ".join(key)
    head = f"SELECT {order}, {names} FROM {table}"
    width = 1 if has_rowid else len(key)
    seen: set[Row] = set()
    last: Row | None = None
    whole = True
    for row in _until_damage(connection, f"{head} ORDER BY {order}"):
        if row is None:
            whole = False
            break
        last = row[:width]
        seen.add(last)
        yield row[width:]
    if whole:
        return
    back = ", ".join(f"{name} DESC" for name in order.split(", "))
    first: Row | None = None
    for row in _until_damage(connection, f"{head} ORDER BY {back}"):
        if row is None or row[:width] in seen:
            break
        first = row[:width]
        yield row[width:]
    if has_rowid:
        begin = 1 if last is None else last[0] + 1
        end = begin + _BEYOND if first is None else first[0] - 1
        yield from _Between(connection, head).rows(begin, end)


def _until_damage(connection: sqlite3.Connection, sql: str) -> Iterator[Row | None]:
    """Rows; None where it cannot go on."""
    try:
        for row in connection.execute(sql):
            yield tuple(row)
    except _DAMAGED:
        yield None


def _reads(connection: sqlite3.Connection, sql: str) -> bool:
    try:
        connection.execute(sql).fetchall()
    except _DAMAGED:
        return False
    return True


class _Between:
    """Halves a range of row ids until what is damaged is alone."""

    def __init__(self, connection: sqlite3.Connection, head: str) -> None:
        self._connection = connection
        self._sql = f"{head} WHERE rowid BETWEEN ? AND ?"
        self._failures = 0

    def rows(self, first: int, last: int) -> Iterator[Row]:
        if first > last or self._failures > _MAX_FAILURES:
            return
        try:
            found = self._connection.execute(self._sql, (first, last)).fetchall()
        except _DAMAGED:
            if first == last:
                self._failures += 1
                return
            middle = (first + last) // 2
            yield from self.rows(first, middle)
            yield from self.rows(middle + 1, last)
            return
        for row in found:
            yield tuple(row)[1:]
