"""Every write is whole or not at all, alone or beside others, in this process or another."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.store.database import Database, DatabaseClosed
from lineal.store.tables import IncompatibleDatabase


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


async def test_what_fails_is_undone_alone(database: Database) -> None:
    def spoiled(connection: sqlite3.Connection, step: str) -> None:
        keep(connection, step)
        raise ArithmeticError(step)

    results = await asyncio.gather(
        *(
            database.write(lambda c, n=n: (spoiled if n % 3 == 0 else keep)(c, f"{n}"))  # type: ignore[misc]
            for n in range(60)
        ),
        return_exceptions=True,
    )
    assert kept(database) == {f"{n}" for n in range(60) if n % 3}
    assert [isinstance(r, ArithmeticError) for r in results] == [n % 3 == 0 for n in range(60)]


async def test_a_mistake_in_a_statement_is_undone_alone(database: Database) -> None:
    def mistaken(connection: sqlite3.Connection) -> None:
        keep(connection, "half")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    good, bad, more = await asyncio.gather(
        database.write(lambda c: keep(c, "good")),
        database.write(mistaken),
        database.write(lambda c: keep(c, "more")),
        return_exceptions=True,
    )
    assert good is None and more is None and isinstance(bad, sqlite3.OperationalError)
    assert kept(database) == {"good", "more"}


async def test_results_come_back_and_readers_see_what_is_written(database: Database) -> None:
    def count(connection: sqlite3.Connection) -> int:
        keep(connection, "a")
        (found,) = connection.execute("SELECT count(*) FROM memo").fetchone()
        return int(found)

    assert await database.write(count) == 1
    assert kept(database) == {"a"}


async def test_a_full_disk_is_reported_and_got_over(database: Database) -> None:
    """The database may not grow; nothing is half written, and later there is room again."""

    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await database.write(lambda c: limit(c, 1))  # SQLite takes this as "no more than there are"
    results = await asyncio.gather(
        *(database.write(lambda c, n=n: keep(c, f"{n}", bytes(100_000))) for n in range(5)),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert all(isinstance(result, sqlite3.OperationalError) for result in results)
    assert kept(database) == set()
    await database.write(lambda c: limit(c, 1_000_000))
    await database.write(lambda c: keep(c, "after", bytes(100_000)))
    assert kept(database) == {"after"}


async def test_what_is_handed_in_before_closing_is_written_and_nothing_after(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path, durability="normal")
    database.open()
    writing = [
        asyncio.create_task(database.write(lambda c, n=n: keep(c, f"{n}")))  # type: ignore[misc]
        for n in range(300)
    ]
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(DatabaseClosed):
        await database.write(lambda c: keep(c, "late"))
    await asyncio.gather(closing, *writing)
    again = Database(tmp_path, durability="normal")
    again.open()
    assert kept(again) == {f"{n}" for n in range(300)}
    await again.close()


async def test_a_caller_that_gives_up_waiting_harms_nobody(database: Database) -> None:
    task = asyncio.create_task(database.write(lambda c: keep(c, "a")))
    await asyncio.sleep(0)
    task.cancel()
    await database.write(lambda c: keep(c, "b"))
    assert "b" in kept(database)


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
    async with asyncio.timeout(60):
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
        other.wakeups.wake_others(part)
    async with asyncio.timeout(60):
        await asyncio.gather(*(waiter.wait() for waiter in waiters))
    await other.close()


async def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "lineal.db") as connection:
        connection.execute("PRAGMA user_version = 4000")
    connection.close()
    with pytest.raises(IncompatibleDatabase, match="4000"):
        Database(tmp_path).open()


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.reader.execute("DELETE FROM memo")


def spawn(database: Database, count: int, topic: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing", str(database.directory), str(count), topic],
        cwd=Path(__file__).parents[2],
    )
