"""A store of schema version 4 is brought up to date when it is opened, and nothing is lost."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal.errors import IncompatibleDatabase
from lineal.lineage.ledger import (
    all_records,
    all_steps,
    records_after,
    stale_input_events,
    steps_of_artifact,
    steps_of_subject,
)
from lineal.lineage.record import Build, UsedArtifact
from lineal.store import migrations
from lineal.store.connection import Connection
from lineal.store.database import Database
from lineal.store.rows import insert_rows
from lineal.store.sqlite import SqliteConnection
from lineal.store.tables import SCHEMA_VERSION, create_tables, tables_exist
from lineal_catalog.documents.queries import list_documents

HERE = Path(__file__).parent
MODELS = (UsedArtifact("m", "1", "e0" * 32),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that lineal wrote at version 4: documents, and steps on telemetry."""
    database = gzip.decompress((HERE / "version-4.db.gz").read_bytes())
    (tmp_path / "lineal.db").write_bytes(database)
    return tmp_path


def version(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


async def test_it_is_migrated_when_it_is_opened(folder: Path) -> None:
    for _ in range(2):
        database = Database(folder)
        database.open()
        same_as_before(database.reader)
        await database.close()
        assert version(folder) == SCHEMA_VERSION


def same_as_before(connection: Connection) -> None:
    documents = {document.name: document for document in list_documents(connection)}
    for name in ("letter.txt", "note.txt"):
        subject = f"document:{documents[name].document_id}"
        shown = [step.fields() for step in steps_of_subject(connection, subject)]
        assert shown == orjson.loads((HERE / f"{name}.json").read_bytes())
    for _, digest, canonical in records_after(connection, 0, 1_000):
        assert sha256(canonical).digest() == digest
    steps = list(all_steps(connection))
    assert (len(list(all_records(connection))), len(steps)) == (312, 411)
    for step in steps:
        assert step in steps_of_subject(connection, step.subject)
        for item in step.outputs:
            assert step in steps_of_artifact(connection, item.sha256, made=True)
        for item in step.inputs:
            assert step in steps_of_artifact(connection, item.sha256, made=False)
    current = Build("detect", "2", "c0" * 32, "cf" * 32, MODELS)
    assert stale_input_events(connection, current) == {f"{n:032x}" for n in range(100, 200)}


def test_what_only_reads_says_that_it_must_be_opened_to_be_written_first(folder: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection,
        pytest.raises(IncompatibleDatabase, match="version 4, from an earlier lineal: `lineal up`"),
    ):
        tables_exist(connection)


def test_what_is_interrupted_begins_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = migrations._STEPS[6]

    def interrupted(connection: Connection) -> None:
        step(connection)
        raise KeyboardInterrupt

    def opened() -> contextlib.closing[SqliteConnection]:
        path = folder / "lineal.db"
        return contextlib.closing(
            sqlite3.connect(path, isolation_level=None, factory=SqliteConnection)
        )

    with monkeypatch.context() as patched, opened() as connection:
        patched.setattr(migrations, "_STEPS", {**migrations._STEPS, 6: interrupted})
        with pytest.raises(KeyboardInterrupt):
            create_tables(connection)
    assert version(folder) == 4
    with opened() as connection:
        create_tables(connection)
        same_as_before(connection)


async def test_a_store_in_postgres_is_migrated_too(folder: Path, store_url: str) -> None:
    from lineal.store.postgres.connection import connect
    from lineal.store.postgres.store import PostgresStore

    with (
        contextlib.closing(connect(store_url, write=True)) as target,
        contextlib.closing(sqlite3.connect(folder / "lineal.db")) as source,
    ):
        make_version_4(source, target)
    store = PostgresStore(store_url)
    await store.open()
    try:
        await store.read(same_as_before)
        assert await store.read(_version) == SCHEMA_VERSION
    finally:
        await store.close()


def make_version_4(source: sqlite3.Connection, target: Any) -> None:
    """The tables of Postgres as they were, with what SQLite's hold."""
    names = ("builds", "ledger", "ledger_links", "objects", "registry", "arrivals", "ownership",
             "labels", "operations", "gathering", "state", "timers")  # fmt: skip
    connection: Connection = target
    connection.dialect.define(connection, "CREATE TABLE lineal_schema (version INTEGER NOT NULL);")
    connection.execute("INSERT INTO lineal_schema VALUES (4)")
    for name in names:
        (statement,) = source.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
        ).fetchone()
        connection.dialect.define(connection, statement)
        rows = source.execute(f"SELECT * FROM {name}").fetchall()
        insert_rows(connection, f"INSERT INTO {name}", rows)


def _version(connection: Connection) -> int:
    (number,) = connection.execute("SELECT version FROM lineal_schema").fetchone()
    return int(number)
