"""Opening a store in Postgres: it works with little, and says what to do where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from lineal.errors import IncompatibleDatabase, StoreRejected, StoreUnavailable
from lineal.lineage.ledger import Ledger, all_steps
from lineal.lineage.rebuild import make_missing, rebuild
from lineal.store.connection import Connection
from lineal.store.postgres.connection import connect
from lineal.store.postgres.preflight import preflight
from lineal.store.postgres.store import PostgresStore
from lineal.store.postgres.tables import names
from lineal_local.postgres import Postgres
from tests.store.postgres.appending import record


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open()
    return store


@pytest.fixture
def clerk(postgres_url: str) -> Iterator[str]:
    """The URL of a role that may do nothing but connect."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'secret'")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield "postgresql://clerk:secret@" + postgres_url.partition("@")[2]
        connection.execute("DROP OWNED BY clerk")
        connection.execute("DROP ROLE clerk")


async def test_the_tables_are_made_once_and_all_of_them(postgres_url: str) -> None:
    for _ in range(2):
        await (await opened(postgres_url)).close()
    connection = connect(postgres_url)
    found = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    ).fetchall()
    connection.close()
    assert {"ledger", "memo", "objects", "claims", "registry", "search_text"} <= set(names())
    assert {name for (name,) in found} == {*names(), "lineal_schema"}


async def test_daemons_that_start_together_make_the_tables_once(postgres_url: str) -> None:
    stores = await asyncio.gather(*(opened(postgres_url) for _ in range(6)))
    await asyncio.gather(
        *(
            store.write(lambda c, n=n: Ledger().append(c, [record("daemon", n)]))  # type: ignore[misc]
            for n, store in enumerate(stores)
        )
    )
    assert await stores[0].read(lambda c: len(list(all_steps(c)))) == 6
    await asyncio.gather(*(store.close() for store in stores))


async def test_wherever_the_search_path_leads(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA apart")
    apart = await opened(f"{postgres_url}?options=-c%20search_path%3Dapart")
    await apart.write(lambda c: Ledger().append(c, [record("apart", 1)]))
    public = await opened(postgres_url)
    assert await public.read(lambda c: list(all_steps(c))) == []
    assert len(await apart.read(lambda c: list(all_steps(c)))) == 1
    await apart.close()
    await public.close()


async def test_tables_of_another_version_are_refused(postgres_url: str) -> None:
    await (await opened(postgres_url)).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE lineal_schema SET version = 4000")
    with pytest.raises(IncompatibleDatabase, match="4000"):
        await opened(postgres_url)
    with pytest.raises(IncompatibleDatabase, match="4000"):
        preflight(postgres_url)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("lineal:", "nobody:"), "LINEAL_STORE"),
        (("/test_", "/nothing_"), "CREATE DATABASE"),
        (("127.0.0.1", "no-such-host.invalid"), "host"),
        (("?", "?sslmode=require&"), "TLS"),
        (("?", "?sslmode=nonsense&"), "LINEAL_STORE"),
    ],
)
async def test_what_is_set_wrongly_is_said_with_what_to_do(
    postgres_url: str, change: tuple[str, str], says: str
) -> None:
    password = postgres_url.split(":")[2].split("@")[0]
    url = f"{postgres_url}?connect_timeout=5".replace(*change)
    with pytest.raises(StoreRejected, match=says) as caught:
        await opened(url)
    assert password not in str(caught.value)


async def test_a_server_that_is_not_there_is_for_now(postgres: Postgres, postgres_url: str) -> None:
    postgres.shut_down()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await opened(postgres_url)
    postgres.restart()


async def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres: Postgres, postgres_url: str
) -> None:
    name = postgres_url.rpartition("/")[2] + "_latin"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE \"{name}\" ENCODING 'LATIN1' TEMPLATE template0".encode()
        )
    url = postgres_url.rpartition("/")[0] + f"/{name}"
    try:
        with pytest.raises(StoreRejected, match="UTF8"):
            await opened(url)
    finally:
        postgres.drop_database(url)


async def test_a_role_that_may_not_make_tables_is_told_so(clerk: str) -> None:
    with pytest.raises(StoreRejected, match="GRANT CREATE"):
        await opened(clerk)
    with pytest.raises(StoreRejected, match="GRANT CREATE"):
        preflight(clerk)


async def test_a_role_needs_only_to_read_and_write_what_another_made(
    postgres_url: str, clerk: str
) -> None:
    await (await opened(postgres_url)).close()
    with pytest.raises(StoreRejected, match="GRANT SELECT"):
        preflight(clerk)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk"
        )
    assert "Postgres" in preflight(clerk)
    store = await opened(clerk)
    await store.write(lambda c: Ledger().append(c, [record("clerk", 1)]))
    assert await store.write(rebuild) == 1
    await store.close()


async def test_a_privilege_that_is_taken_away_is_no_events_fault(
    postgres_url: str, clerk: str
) -> None:
    await (await opened(postgres_url)).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk")
        store = await opened(clerk)
        connection.execute("REVOKE INSERT ON ledger FROM clerk")

        def append(number: int, connection: Connection) -> None:
            Ledger().append(connection, [record("clerk", number)])

        with pytest.raises(StoreUnavailable, match="permission denied"):
            await store.write(partial(append, 1))
        connection.execute("GRANT INSERT ON ledger TO clerk")
        await store.write(partial(append, 2))
    await store.close()


async def test_a_refusal_while_at_work_is_no_events_fault(postgres_url: str, clerk: str) -> None:
    await (await opened(postgres_url)).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk")
        store = await opened(clerk)

        async def ask() -> None:
            await store.read(lambda c: c.execute("SELECT 1").fetchall())

        async def change() -> None:
            await store.write(lambda c: c.execute("DELETE FROM claims").rowcount)

        await ask()
        connection.execute("ALTER ROLE clerk PASSWORD 'another'")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'"
        )
        for work in (ask, change):
            with pytest.raises(StoreUnavailable, match="password"):
                await work()
        connection.execute("ALTER ROLE clerk PASSWORD 'secret'")
        for work in (ask, change):
            await work()
    await store.close()


async def test_only_tables_of_new_projections_are_made(postgres_url: str) -> None:
    store = await opened(postgres_url)
    assert await store.write(make_missing) == []
    await store.write(lambda c: c.execute("DROP TABLE dead_letter_outcomes").rowcount)
    assert await store.write(make_missing) == ["dead_letters"]
    assert await store.write(make_missing) == []
    await store.close()
