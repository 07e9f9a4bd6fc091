"""The embedded database: a full disk, and processes that write beside each other and wake each
other. What every store has to do is in test_store.py."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.errors import IncompatibleDatabase, StoreFull
from lineal.store.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path, durability="normal")
    opened.open()
    yield opened
    await opened.close()


def keep(connection: sqlite3.Connection, step: str, outputs: bytes = b"") -> None:
    connection.execute("INSERT INTO memo (step, outputs) VALUES (?, ?)", (step.encode(), outputs))


def kept(database: Database) -> set[str]:
    return {step.decode() for (step,) in database.reader.execute("SELECT step FROM memo")}


async def test_a_full_disk_is_reported_and_got_over(database: Database) -> None:
    """The database may not grow; nothing is half written, and later there is room again."""

    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await database.write(lambda c: limit(c, 1))  # SQLite takes this as "no more than there are"
    results = await asyncio.gather(
        *(database.write(lambda c, n=n: keep(c, f"{n}", bytes(100_000))) for n in range(5)),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert all(isinstance(result, StoreFull) for result in results)
    assert kept(database) == set()
    await database.write(lambda c: limit(c, 1_000_000))
    await database.write(lambda c: keep(c, "after", bytes(100_000)))
    assert kept(database) == {"after"}


async def test_processes_write_beside_each_other(database: Database) -> None:
    processes = [spawn(database, 150) for _ in range(2)]
    for number in range(150):
        await database.write(lambda c, n=number: keep(c, f"here-{n}"))  # type: ignore[misc]
    for process in processes:
        assert await asyncio.to_thread(process.wait, 60) == 0
    assert len(kept(database)) == 450


async def test_a_write_in_one_process_wakes_those_who_wait_in_another(database: Database) -> None:
    mine = database.wakeups.waiter(["documents"])
    others = database.wakeups.waiter(["sensors"])
    process = spawn(database, 0, "documents")
    async with asyncio.timeout(180):
        await mine.wait()
    assert not others.is_set()
    await asyncio.to_thread(process.wait, 60)


@pytest.mark.parametrize("separately", [True, False])
async def test_many_wakeups_at_once_lose_none(database: Database, separately: bool) -> None:
    """More than a pipe holds: then everybody looks."""
    topics = [f"topic-{n}-{'x' * 200}" for n in range(600)]
    waiters = [database.wakeups.waiter([topic]) for topic in topics]
    other = Database(database.directory, durability="normal")
    other.open()
    # All at once and before this loop can read any of it.
    for part in [[topic] for topic in topics] if separately else [topics]:
        other.wakeups.wake_other_processes(part)
    async with asyncio.timeout(180):
        await asyncio.gather(*(waiter.wait() for waiter in waiters))
    await other.close()


@pytest.mark.parametrize(
    ("version", "said"), [(4000, "use the lineal that wrote it"), (1426063379, "lineal salvage")]
)
async def test_another_schema_version_is_refused(tmp_path: Path, version: int, said: str) -> None:
    """One that there can never be is a damaged page."""
    with sqlite3.connect(tmp_path / "lineal.db") as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(IncompatibleDatabase, match=f"{version}.*{said}"):
        Database(tmp_path).open()


def spawn(database: Database, count: int, topic: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing", str(database.directory), str(count), topic],
        cwd=Path(__file__).parents[2],
    )
