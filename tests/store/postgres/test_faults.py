"""A server that is killed, shut down, or used by several machines at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from lineal.errors import StoreUnavailable
from lineal.lineage.ledger import Ledger, all_steps
from lineal.stages.retry import RetryPolicy, unavailable
from lineal.store.connection import Connection
from lineal.store.postgres.connection import connect
from lineal.store.postgres.store import PostgresStore
from lineal_local.postgres import Postgres
from tests.store.postgres.appending import record


@pytest.fixture
async def shared(postgres_url: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def administrator(postgres: Postgres) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        yield connection


def append(name: str, number: int, connection: Connection) -> None:
    Ledger().append(connection, [record(name, number)])


def handled(connection: Connection) -> list[str]:
    return [event for found in all_steps(connection) for event in found.events_in]


async def sequence(store: PostgresStore) -> list[int]:
    rows = await store.read(lambda c: c.execute("SELECT seq FROM ledger ORDER BY seq").fetchall())
    return [seq for (seq,) in rows]


async def until_it_works(store: PostgresStore, name: str, number: int) -> int:
    """Write as the settler does: again and again while the store is unavailable; how often."""
    for attempt in range(1, 600):
        try:
            await store.write(partial(append, name, number))
            return attempt
        except StoreUnavailable as error:
            assert unavailable(error)
            await asyncio.sleep(0.05)
    raise AssertionError("the store never came back")


async def test_a_killed_server_fails_those_who_wait_and_serves_those_who_come_after(
    postgres: Postgres, shared: PostgresStore
) -> None:
    await shared.write(partial(append, "before", 0))
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def long(connection: Connection) -> None:
        append("lost", 0, connection)
        loop.call_soon_threadsafe(began.set)
        connection.execute("SELECT pg_sleep(60)")

    waiting = [asyncio.create_task(shared.write(long))]
    await began.wait()
    waiting += [asyncio.create_task(shared.write(partial(append, "lost", n))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(postgres.kill)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 21
    with pytest.raises(StoreUnavailable):
        await shared.read(handled)

    await asyncio.to_thread(postgres.restart)
    await shared.write(partial(append, "after", 0))
    assert await shared.read(handled) == ["before 0", "after 0"]
    assert await sequence(shared) == [1, 2]


async def test_a_server_that_is_restarted_between_two_questions_is_asked_again(
    postgres: Postgres, shared: PostgresStore
) -> None:
    """Nobody need notice: what was kept open is opened again."""
    await shared.write(partial(append, "a", 0))
    await asyncio.gather(*(shared.read(handled) for _ in range(8)))  # several connections are kept
    await asyncio.to_thread(postgres.shut_down)
    await asyncio.to_thread(postgres.restart)
    assert await asyncio.gather(*(shared.read(handled) for _ in range(8))) == [["a 0"]] * 8
    await shared.write(partial(append, "b", 0))
    assert await shared.read(handled) == ["a 0", "b 0"]


async def test_what_is_written_through_outages_is_written_once_and_in_order(
    postgres: Postgres, shared: PostgresStore
) -> None:
    async def interrupt() -> None:
        for act in (postgres.kill, postgres.shut_down):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(act)
            await asyncio.to_thread(postgres.restart)

    interrupting = asyncio.create_task(interrupt())
    number = 0
    while not interrupting.done() or number < 50:
        await until_it_works(shared, "n", number)
        number += 1
    await interrupting
    # What is lost in the very moment of a commit may be there already: it is never out of order.
    found = await shared.read(handled)
    assert list(dict.fromkeys(found)) == [f"n {n}" for n in range(number)]
    assert len(found) - number <= 2
    assert await sequence(shared) == list(range(1, len(found) + 1))


async def test_a_store_that_is_away_makes_no_dead_letters(
    postgres: Postgres, shared: PostgresStore
) -> None:
    await asyncio.to_thread(postgres.kill)
    for work in (shared.read(handled), shared.write(partial(append, "a", 0))):
        with pytest.raises(StoreUnavailable) as caught:
            await work
        assert not RetryPolicy().gives_up(caught.value, attempt=1_000, elapsed_seconds=1e6)
    await asyncio.to_thread(postgres.restart)


async def test_a_connection_that_is_cut_off_is_replaced(
    shared: PostgresStore, administrator: psycopg.Connection[tuple[object, ...]]
) -> None:
    await shared.write(partial(append, "a", 0))
    await shared.read(handled)
    administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lineal'"
    )
    await shared.write(partial(append, "b", 0))
    assert await shared.read(handled) == ["a 0", "b 0"]


async def test_no_connection_left_is_waited_out(
    shared: PostgresStore,
    postgres_url: str,
    administrator: psycopg.Connection[tuple[object, ...]],
) -> None:
    name = postgres_url.rpartition("/")[2]
    administrator.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0'.encode())
    administrator.execute(b"CREATE ROLE crowd LOGIN PASSWORD 'crowd'")
    try:
        url = "postgresql://crowd:crowd@" + postgres_url.partition("@")[2]
        with pytest.raises(StoreUnavailable, match="too many connections"):
            await PostgresStore(url).open()
    finally:
        administrator.execute(b"DROP ROLE crowd")


async def test_who_holds_the_lock_too_long_is_waited_for_and_not_for_ever(
    postgres_url: str,
) -> None:
    store = PostgresStore(f"{postgres_url}?options=-c%20lock_timeout%3D200ms")
    await store.open()
    other = connect(postgres_url, write=True)
    other.begin()
    with pytest.raises(StoreUnavailable, match="lock"):
        await store.write(partial(append, "a", 0))
    other.rollback()
    await store.write(partial(append, "b", 0))
    assert await store.read(handled) == ["b 0"]
    other.close()
    await store.close()


async def test_a_writer_that_hangs_in_its_turn_loses_it(
    shared: PostgresStore, postgres_url: str
) -> None:
    """Such as a process that was stopped: what it wakes up to write is refused."""
    option = "-c%20idle_in_transaction_session_timeout%3D300ms"
    hanging = connect(f"{postgres_url}?options={option}", write=True)
    hanging.begin()
    append("hanging", 0, hanging)
    await shared.write(partial(append, "other", 0))
    with pytest.raises(StoreUnavailable):
        hanging.commit()
    hanging.close()
    assert await shared.read(handled) == ["other 0"]
    assert await sequence(shared) == [1]


def appending(url: str, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.postgres.appending", url, name, "1000"],
        cwd=Path(__file__).parents[3],
    )


async def test_two_processes_append_at_the_same_time(
    shared: PostgresStore, postgres_url: str
) -> None:
    names = ("one", "two")
    processes = [appending(postgres_url, name) for name in names]
    for process in processes:
        assert await asyncio.to_thread(process.wait, 120) == 0
    found = await shared.read(handled)
    assert await sequence(shared) == list(range(1, 2001))
    for name in names:
        own = [event for event in found if event.startswith(name)]
        assert own == [f"{name} {number}" for number in range(1000)]
    assert found[:1000] != [f"one {number}" for number in range(1000)], "they took turns"
    builds = await shared.read(lambda c: c.execute("SELECT id FROM builds").fetchall())
    assert len(builds) == 1


async def test_writers_of_the_same_things_in_another_order_do_not_block_each_other(
    shared: PostgresStore, postgres_url: str
) -> None:
    """Without the lock from the beginning, each would wait for a row of the other's."""
    other = PostgresStore(postgres_url)
    await other.open()

    def put(names: list[str], connection: Connection) -> None:
        for name in names:
            connection.execute(
                "INSERT INTO objects (sha256, data) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (name.encode(), b""),
            )

    names = [f"{number}" for number in range(30)]
    for _ in range(20):
        await asyncio.gather(
            shared.write(partial(put, names)), other.write(partial(put, names[::-1]))
        )
        await shared.write(lambda c: c.execute("DELETE FROM objects"))
    await other.close()
