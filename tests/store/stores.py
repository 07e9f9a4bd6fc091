"""Fixtures: every kind of store there is, empty. What is asked of one is asked of all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lineal.store.connection import Connection, Store
from lineal.store.database import Database
from lineal.store.sqlite import SqliteConnection
from lineal.store.tables import create_tables
from lineal_local.postgres import Postgres

KINDS = ("sqlite", "postgres")


@dataclass(frozen=True)
class NewConnection:
    """Gives any number of connections to empty stores, one after the other."""

    connect: Callable[[], contextlib.AbstractContextManager[Connection]]
    examples: int
    """How many are to be asked for."""

    def __call__(self) -> contextlib.AbstractContextManager[Connection]:
        return self.connect()


@contextlib.contextmanager
def sqlite_connection() -> Iterator[Connection]:
    """A connection to a new database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
    create_tables(connection)
    with contextlib.closing(connection):
        yield connection


@contextlib.contextmanager
def postgres_connection(url: str) -> Iterator[Connection]:
    """A connection to a database, whose tables are made if need be."""
    from lineal.store.postgres import tables
    from lineal.store.postgres.connection import connect

    with contextlib.closing(connect(url, write=True)) as connection:
        tables.create_tables(connection)
        yield connection


@pytest.fixture(scope="session")
def stores_database(postgres: Postgres) -> Iterator[str]:
    with postgres.database("stores") as url:
        yield url


@pytest.fixture
def store_url(stores_database: str) -> Iterator[str]:
    """The URL of an empty schema: made faster than a database."""
    name = f"s{uuid4().hex[:12]}"
    _execute(stores_database, f"CREATE SCHEMA {name}")
    yield f"{stores_database}?options=-c%20search_path%3D{name}"
    _execute(stores_database, f"DROP SCHEMA {name} CASCADE")


def _execute(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection that commits every statement, to an empty store."""
    if request.param == "sqlite":
        opened = sqlite_connection()
    else:
        opened = postgres_connection(request.getfixturevalue("store_url"))
    with opened as connection:
        yield connection


@pytest.fixture(params=KINDS, scope="module")
def new_connection(request: pytest.FixtureRequest) -> Iterator[NewConnection]:
    if request.param == "sqlite":
        yield NewConnection(sqlite_connection, examples=100)
        return
    with (
        request.getfixturevalue("postgres").database() as url,
        postgres_connection(url) as connection,
    ):

        @contextlib.contextmanager
        def emptied() -> Iterator[Connection]:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

        yield NewConnection(emptied, examples=20)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty store in a data folder of its own."""
    database = Database(tmp_path / "data", durability="normal")
    database.open()
    yield database
    await database.close()


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    opened: Any
    if request.param == "sqlite":
        opened = Database(tmp_path, durability="normal")
        opened.open()
    else:
        from lineal.store.postgres.store import PostgresStore

        opened = PostgresStore(request.getfixturevalue("store_url"))
        await opened.open()
    yield opened
    await opened.close()
