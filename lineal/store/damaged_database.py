"""The tables of an SQLite database of which pages are damaged, also those of its schema.

What the schema says of a table is read from all pages that hold a part of it. Pages that nothing
leads to any more are given to the table that they must be of: the only one of those with damage
whose columns their rows fit.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lineal.store.page_file import MAGIC, PageFile
from lineal.store.page_rows import (
    OF_TABLES,
    PageDamaged,
    Row,
    StoredRow,
    TreePage,
    read_tree_page,
    tree_pages,
)

_SCHEMA_ROOT = 1
_SCHEMA_COLUMNS = 5
_SCHEMA_TYPES = ("table", "index", "view", "trigger")


class Column(NamedTuple):
    """A column of a row as it is stored."""

    name: str
    kinds: tuple[type, ...] | None
    """Of its values; None: any."""
    default: Any = None
    """Of rows that were written before there was the column."""
    is_rowid: bool = False

    def from_stored(self, value: Any) -> Any:
        """A value as SQLite gives it out: a REAL without a fraction is stored as an integer."""
        is_real = self.kinds is not None and float in self.kinds
        return float(value) if is_real and isinstance(value, int) else value


@dataclass(slots=True)
class StoredTable:
    """A table or an index, and where it is."""

    name: str
    columns: tuple[Column, ...]
    has_rowid: bool
    is_index: bool = False
    root: int | None = None
    """None: the schema that is left does not say."""
    loose: list[int] = field(default_factory=list)
    """Roots of trees that nothing leads to, and that are its own."""

    @property
    def is_typed(self) -> bool:
        return all(column.kinds is not None for column in self.columns)

    def has_place_for(self, row: StoredRow) -> bool:
        """Whether a row has no more values than columns."""
        return (row.rowid is not None) == self.has_rowid and len(row.values) <= len(self.columns)

    def fits(self, row: StoredRow) -> bool:
        """Whether it can be a row of this table, by its values."""
        return self.has_place_for(row) and all(
            column.kinds is None or isinstance(value, column.kinds)
            for value, column in zip(self._values(row), self.columns, strict=True)
        )

    def complete(self, row: StoredRow) -> Row:
        """The values of all columns."""
        return tuple(
            row.rowid if column.is_rowid else column.from_stored(value)
            for column, value in zip(self.columns, self._values(row), strict=True)
        )

    def _values(self, row: StoredRow) -> Row:
        missing = self.columns[len(row.values) :]
        return row.values + tuple(column.default for column in missing)


@dataclass(slots=True)
class Damage:
    """What of a database cannot be read."""

    pages: list[int] = field(default_factory=list)
    """Those that are in use."""
    tables: list[str] = field(default_factory=list)
    """Of which rows may be missing."""
    unassigned: list[int] = field(default_factory=list)
    """Pages with rows that may be of several tables."""


class DamagedDatabase:
    """Tables by their names. Made of a database file, and of an empty one of the same schema."""

    def __init__(self, path: Path, pattern: sqlite3.Connection) -> None:
        """
        Args:
            path: of the file, with its write-ahead log beside it; missing: there are no rows.
            pattern: a database with all tables, for those of which the schema has no word left.

        Raises:
            OSError: the file cannot be read.
        """
        self._file = PageFile(path)
        self._damaged: dict[str, set[int]] = {}
        self._trees: dict[int, TreePage] = {}
        self.damage = Damage()
        schema_damage: set[int] = set()
        self._reached: set[int] = set()
        self.tables = self._read_schema(schema_damage)
        known = set(self.tables)
        if schema_damage or not known:
            for name, table in tables_of(pattern).items():
                self.tables.setdefault(name, table)
        unknown = set(self.tables) - known
        for name in known:
            self._follow(self.tables[name])
        self._give_loose_pages(unknown)
        pages = schema_damage.union(*self._damaged.values())
        self.damage.pages = sorted(pages)
        self.damage.tables = sorted(
            name
            for name, table in self.tables.items()
            if not table.is_index and self._damaged.get(name)
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is no file, or none with a page."""
        return not self._file.count

    def close(self) -> None:
        self._file.close()

    def columns(self, name: str) -> list[str]:
        """The columns of a table in the order of :meth:`rows`; none if there is no such table."""
        table = self.tables.get(name)
        return [column.name for column in table.columns] if table else []

    def rows(self, name: str) -> Iterator[Row]:
        """All rows of a table that can be read; none if there is no such table."""
        table = self.tables.get(name)
        if table is None:
            return
        is_row = table.fits if self._damaged.get(name) or table.loose else table.has_place_for
        for root in (table.root, *table.loose):
            if root is None:
                continue
            for _, page in tree_pages(self._file, root, set()):
                yield from (table.complete(row) for row in page.rows if is_row(row))

    def _follow(self, table: StoredTable) -> None:
        """Note which pages of a table or an index can be reached."""
        assert table.root is not None
        damaged: set[int] = set()
        for number, page in tree_pages(self._file, table.root, damaged):
            self._reached.add(number)
            if not table.is_index and not all(table.has_place_for(row) for row in page.rows):
                damaged.add(number)
        self._damaged[table.name] = damaged

    def _read_schema(self, damaged: set[int]) -> dict[str, StoredTable]:
        """Tables and indexes with a root, as the schema says; from its other pages if the first
        is damaged, which leads to them."""
        found: list[Row] = []
        try:
            if self._file.page(_SCHEMA_ROOT)[: len(MAGIC)] != MAGIC:
                damaged.add(_SCHEMA_ROOT)
        except LookupError:
            damaged.add(_SCHEMA_ROOT)
        for number, page in tree_pages(self._file, _SCHEMA_ROOT, damaged):
            rows = [row.values for row in page.rows]
            if page.kind not in OF_TABLES or not all(_is_of_schema(row) for row in rows):
                damaged.add(number)
                continue
            self._reached.add(number)
            found += rows
        if damaged:
            for number in self._unreached():
                page = self._trees[number]
                rows = [row.values for row in page.rows]
                if rows and page.kind in OF_TABLES and all(_is_of_schema(row) for row in rows):
                    self._reached.add(number)
                    found += rows
                    if page.cells_lost:
                        damaged.add(number)
        return _read_definitions(found)

    def _unreached(self) -> Iterator[int]:
        """Pages of b-trees that nothing has led to so far; they are in ``_trees`` then."""
        for number in range(1, self._file.count + 1):
            if number in self._reached:
                continue
            if number not in self._trees:
                try:
                    self._trees[number] = read_tree_page(self._file, number)
                except PageDamaged:
                    continue
            yield number

    def _give_loose_pages(self, unknown: set[str]) -> None:
        """Give trees that nothing leads to to the tables that they must be of."""
        candidates = [
            table
            for name, table in self.tables.items()
            if name in unknown or self._damaged.get(name)
        ]
        if not candidates:
            return
        loose = set(self._unreached())
        inner = {child for number in loose for child in self._trees[number].children}
        for root in sorted(loose - inner):
            pages = list(tree_pages(self._file, root, set()))
            rows = [row for _, page in pages for row in page.rows]
            if not rows:
                continue
            fitting = [table for table in candidates if all(table.fits(row) for row in rows)]
            # Made by the same statements, a table has the same root.
            expected = [table for table in fitting if table.root == root]
            typed = [table for table in fitting if table.is_typed]
            for mine in (expected, typed, fitting):
                if len(mine) == 1:
                    mine[0].loose.append(root)
                    break
            else:
                if not all(table.is_index for table in fitting):
                    self.damage.unassigned += [number for number, _ in pages]
        for name in unknown:
            table = self.tables[name]
            table.root = None
            damaged = self._damaged.setdefault(name, set())
            for root in table.loose:
                for _ in tree_pages(self._file, root, damaged):
                    pass


def tables_of(connection: sqlite3.Connection) -> dict[str, StoredTable]:
    """The tables and indexes of a database that have pages."""
    rows = connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master")
    return {
        name: _described(connection, kind, name, table, root)
        for kind, name, table, root, _ in rows.fetchall()
        if root
    }


def _is_of_schema(row: Row) -> bool:
    return (
        len(row) == _SCHEMA_COLUMNS
        and row[0] in _SCHEMA_TYPES
        and isinstance(row[1], str)
        and isinstance(row[2], str)
        and isinstance(row[3], int)
        and (row[4] is None or isinstance(row[4], str))
    )


def _read_definitions(rows: Iterable[Row]) -> dict[str, StoredTable]:
    """What a schema says, by the tables that its statements make."""
    found = {}
    items = sorted(rows, key=lambda row: str(row[0]) != "table")  # indexes need their tables
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        for kind, name, table, root, sql in items:
            if not root:
                continue
            if sql is not None:
                with contextlib.suppress(sqlite3.Error):
                    memory.execute(sql)
            with contextlib.suppress(LookupError, sqlite3.Error):
                found[name] = _described(memory, kind, name, table, root)
    return found


def _described(
    connection: sqlite3.Connection, kind: str, name: str, table: str, root: int
) -> StoredTable:
    """
    Raises:
        LookupError: the database has no such table or index.
    """
    info = connection.execute(f"PRAGMA table_info('{table}')").fetchall()
    if kind == "index":
        indexed = connection.execute(f"PRAGMA index_xinfo('{name}')").fetchall()
        by_number = {row[0]: _column(connection, row) for row in info}
        columns = [by_number.get(row[1], Column("rowid", (int,))) for row in indexed]
        return StoredTable(name, tuple(columns), has_rowid=False, is_index=True, root=root)
    if not info:
        raise LookupError(name)
    has_rowid = _has_rowid(connection, table)
    columns = [_column(connection, row) for row in info]
    if not has_rowid:
        # The key comes first.
        order = sorted(info, key=lambda row: (row[5] == 0, row[5] or row[0]))
        columns = [_column(connection, row, is_key=row[5] > 0) for row in order]
    else:
        keys = [row for row in info if row[5]]
        for row in keys:
            if len(keys) == 1 and row[2].upper() == "INTEGER":
                number = row[0]
                columns[number] = Column(row[1], (type(None),), is_rowid=True)
    return StoredTable(name, tuple(columns), has_rowid, root=root)


def _has_rowid(connection: sqlite3.Connection, table: str) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM '{table}' LIMIT 0")
    except Exception:  # of this connection's class
        return False
    return True


_KINDS: Mapping[str, tuple[type, ...]] = {
    "TEXT": (str,), "INTEGER": (int,), "BLOB": (bytes, str), "REAL": (int, float),
}  # fmt: skip


def _column(connection: sqlite3.Connection, row: Sequence[Any], *, is_key: bool = False) -> Column:
    _, name, declared, not_null, default, _ = row
    kinds = _KINDS.get(declared.upper())
    if kinds is not None and not not_null and not is_key:
        kinds = (*kinds, type(None))
    value = None
    if default is not None:
        (value,) = connection.execute(f"SELECT {default}").fetchone()
    return Column(name, kinds, value)
