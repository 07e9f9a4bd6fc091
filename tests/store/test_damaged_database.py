"""Pages that are read without SQLite say what SQLite says."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.store.damaged_database import DamagedDatabase

TABLES = """
CREATE TABLE numbered (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB, part REAL);
CREATE INDEX numbered_by_name ON numbered (name, part);
CREATE TABLE keyed (b TEXT NOT NULL, number INTEGER NOT NULL, a TEXT NOT NULL, content BLOB,
    PRIMARY KEY (a, number)) WITHOUT ROWID;
CREATE TABLE plain (a TEXT PRIMARY KEY, b INTEGER);
"""
NAMES = ("numbered", "keyed", "plain")


@pytest.fixture
def pattern() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        yield connection


def fill(connection: sqlite3.Connection, random: Random, count: int) -> None:
    for _ in range(count):
        number = random.randrange(-(2 ** random.randrange(1, 63)), 2 ** random.randrange(1, 63))
        text = "".join(random.choices("aé漢𝄞 \0", k=random.choice([0, 3, 40, 900])))
        content = random.choice([None, random.randbytes(random.choice([0, 7, 500, 9_000]))])
        part = random.choice([None, 0.0, 1.0, -2.5, float(number)])
        connection.execute("INSERT OR REPLACE INTO numbered VALUES (?, ?, ?, ?)",
                           (number, text, content, part))  # fmt: skip
        connection.execute("INSERT OR REPLACE INTO keyed VALUES (?, ?, ?, ?)",
                           (text, number, str(number % 9), content))  # fmt: skip
        connection.execute("INSERT OR REPLACE INTO plain VALUES (?, ?)", (text, number % 3))


def rows(connection: sqlite3.Connection) -> dict[str, list[str]]:
    return {
        name: sorted(map(repr, connection.execute(f"SELECT {', '.join(columns(connection, name))} "
                                                  f"FROM {name}")))
        for name in NAMES
    }  # fmt: skip


def columns(connection: sqlite3.Connection, name: str) -> list[str]:
    return sorted(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))


def read(path: Path, pattern: sqlite3.Connection) -> tuple[dict[str, list[str]], DamagedDatabase]:
    with contextlib.closing(DamagedDatabase(path, pattern)) as found:
        content = {}
        for name in NAMES:
            order = sorted(range(len(found.columns(name))), key=found.columns(name).__getitem__)
            content[name] = sorted(
                repr(tuple(row[number] for number in order)) for row in found.rows(name)
            )
    return content, found


@given(
    seed=st.integers(0, 2**32),
    page_size=st.sampled_from([512, 1024, 4096, 65536]),
    ahead=st.booleans(),
    deleted=st.booleans(),
)
def test_all_rows_of_any_database_are_read(
    seed: int, page_size: int, ahead: bool, deleted: bool
) -> None:
    random = Random(seed)
    with TemporaryDirectory() as folder, contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        pattern.executescript(TABLES)
        path = Path(folder) / "a.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(TABLES)
            fill(connection, random, random.randrange(30))
            connection.commit()
            if not ahead:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if deleted:
                connection.execute("DELETE FROM numbered WHERE abs(id % 3) = 1")
                connection.execute("ALTER TABLE plain ADD COLUMN late TEXT NOT NULL DEFAULT 'no'")
            connection.commit()
            expected = rows(connection)
            copy = Path(folder) / "copy.db"
            for end in ("", "-wal"):
                shutil.copy(f"{path}{end}", f"{copy}{end}")
        found, database = read(copy, pattern)
        assert found == expected
        assert not database.damage.pages and not database.damage.unassigned


@pytest.mark.parametrize("seed", range(8))
def test_rows_on_other_pages_than_the_damaged_ones_are_read(
    tmp_path: Path, pattern: sqlite3.Connection, seed: int
) -> None:
    random = Random(seed)
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.executescript(TABLES)
        fill(connection, random, 60)
        connection.commit()
        expected = rows(connection)
        pages = {
            name: {page for (page,) in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = ?", (name,))}
            for name in NAMES
        }  # fmt: skip
        (count,) = connection.execute("PRAGMA page_count").fetchone()
    number = random.randrange(1, count + 1)
    with path.open("r+b") as file:
        file.seek((number - 1) * 1024)
        file.write(random.randbytes(1024))
    found, database = read(path, pattern)
    for name in NAMES:
        if number in pages[name]:
            # Garbage is no row, and one page is not half of the table.
            assert set(found[name]) < set(expected[name]) or found[name] == expected[name]
            assert len(found[name]) > len(expected[name]) // 3
            # The rest of a long row is on pages of its own: named is where the row is.
            assert database.damage.pages and name in database.damage.tables
        else:
            assert found[name] == expected[name]
            assert name not in database.damage.tables


def test_a_missing_file_has_no_rows(tmp_path: Path, pattern: sqlite3.Connection) -> None:
    found, database = read(tmp_path / "none.db", pattern)
    assert database.is_empty and found == {"numbered": [], "keyed": [], "plain": []}
