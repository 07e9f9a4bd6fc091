"""What is kept of a document in a store in Postgres is erased there."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from lineal.effects.effect import apply
from lineal.effects.records import LineageRecord
from lineal.erasure.erasures import KIND
from lineal.erasure.references import find_references
from lineal.erasure.rows import erase_rows
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.projections import projected_tables
from lineal.lineage.record import StepEntry, record_of
from lineal.store.blobs import FileBlobs
from lineal.store.connection import Connection
from lineal.store.objects import ObjectStore
from lineal.store.postgres.store import PostgresStore
from lineal.store.postgres.vacuum import vacuum
from lineal.store.rows import insert_rows
from lineal_catalog.search.entries import SearchPage, replace_document
from lineal_cli.reading import reading_folder
from tests.erasure.documents import WORDS, fill

_TABLES = (
    "builds", "ledger", "ledger_index", "objects", "memo", "state", "claims",
    *(table.name for table in projected_tables(derived=True)),
)  # fmt: skip


async def test_nothing_is_found_in_the_tables(tmp_path: Path, store_url: str) -> None:
    folder = tmp_path / "data"
    ids = await fill(folder)
    text, name, owner, attached, _, attached_name = WORDS
    store = PostgresStore(store_url)
    await store.open()
    with reading_folder(folder) as source:
        for table in _TABLES:
            rows = source.execute(f"SELECT * FROM {table}").fetchall()
            await store.write(partial(insert_rows, head=f"INSERT INTO {table}", rows=rows))
    for document_id, word in ((ids["letter"], text), (ids["other"], "bearings")):
        pages = [SearchPage(1, f"About {word}.")]
        await store.write(
            partial(replace_document, document_id=document_id, pages=pages, facets={"name": name})
        )
    erased = [f"document:{ids[each]}" for each in ("letter", "large", "broken", "attached")]
    assert await store.read(partial(_found, words=[text, name, owner, attached])) != set()

    references = await store.read(partial(find_references, subjects=erased))
    objects = ObjectStore(store, FileBlobs(folder, folder / "run", "test"))
    await objects.delete(references.digests)
    counts = await store.write(partial(erase_rows, references=references))
    assert counts["memo"] == 3
    assert counts["documents in the search index"] == 1
    record = record_of(StepEntry(erased[0], 1, kind=KIND, reason="asked for"), build=None,
                       actor="user:ann", worker="test")  # fmt: skip
    for subject in erased:
        (entry,) = record.steps
        one = record._replace(steps=(entry._replace(subject=subject),))
        await store.write(partial(_append, record=LineageRecord(canonical_bytes(one))))
    assert vacuum(store_url) == []
    gone = [text, name, owner, attached, attached_name]
    # The facet of the other document is meant to stay.
    assert await store.read(partial(_found, words=gone)) == {(name, "search_facets")}
    await store.close()


def _append(connection: Connection, record: LineageRecord) -> None:
    apply(connection, [record])


def _found(connection: Connection, words: list[str]) -> set[tuple[str, str]]:
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    ).fetchall()
    found: set[tuple[str, str]] = set()
    for (table,) in tables:
        for row in connection.execute(f"SELECT * FROM {table}").fetchall():
            shown = repr([bytes(v) if isinstance(v, memoryview) else v for v in row]).lower()
            found.update((word, table) for word in words if word.lower() in shown)
    return found


def test_nothing_is_found_in_the_files_once_they_are_written_anew(store_url: str) -> None:
    """Nor in the statistics, which have samples of the values that a table had."""
    with contextlib.closing(psycopg.connect(store_url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE people (name TEXT, about TEXT)")
        for number in range(300):
            row = (f"Quackenbush {number % 3}", "the same of everybody")
            connection.execute("INSERT INTO people VALUES (%s, %s)", row)
        connection.execute("ANALYZE people")
        assert _in_statistics(connection, "Quackenbush")
        connection.execute("DELETE FROM people WHERE name LIKE 'Quackenbush%'")
        connection.execute("INSERT INTO people VALUES ('Miller', 'another')")
        connection.execute("CHECKPOINT")
        assert _in_files(connection, b"Quackenbush")

        assert vacuum(store_url, full=True) == []
        connection.execute("CHECKPOINT")
        assert not _in_statistics(connection, "Quackenbush")
        assert not _in_files(connection, b"Quackenbush")


def test_who_may_not_vacuum_is_told_of_which_tables(store_url: str) -> None:
    with contextlib.closing(psycopg.connect(store_url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
        connection.execute("CREATE ROLE one_who_writes LOGIN PASSWORD 'x'")
        try:
            schema = connection.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO one_who_writes".encode())
            assert vacuum(make_conninfo(store_url, user="one_who_writes", password="x")) == [
                "people"
            ]
        finally:
            connection.execute("DROP OWNED BY one_who_writes")
            connection.execute("DROP ROLE one_who_writes")


def _in_statistics(connection: psycopg.Connection[Any], word: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM pg_stats WHERE tablename = 'people' "
        "AND (most_common_vals::text LIKE %s OR histogram_bounds::text LIKE %s)",
        (f"%{word}%",) * 2,
    )
    return found.fetchone() is not None


def _in_files(connection: psycopg.Connection[Any], word: bytes) -> bool:
    """Of the database, on the server's disk; its write-ahead log is another matter."""
    asked = "SELECT current_setting('data_directory'), oid FROM pg_database"
    row = connection.execute(f"{asked} WHERE datname = current_database()".encode()).fetchone()
    assert row is not None
    files = (Path(row[0]) / "base" / str(row[1])).iterdir()
    return any(word in file.read_bytes() for file in files if file.is_file())
