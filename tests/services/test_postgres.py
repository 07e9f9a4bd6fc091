"""The local Postgres is a real one: empty databases, data that outlives kill -9."""

from __future__ import annotations

import psycopg
import pytest

from lineal_local.postgres import Postgres


def test_every_database_is_fresh(postgres: Postgres) -> None:
    with postgres.database() as first, postgres.database() as second:
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE things (name text)")
        with (
            psycopg.connect(second) as connection,
            pytest.raises(psycopg.errors.UndefinedTable),
        ):
            connection.execute("SELECT * FROM things")


def test_what_was_committed_outlives_kill_9(postgres: Postgres, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE things (name text)")
        connection.execute("INSERT INTO things VALUES ('kept')")

    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url)
    postgres.restart()

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT name FROM things").fetchall() == [("kept",)]


def test_a_password_is_asked_for(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url, password="wrong")
