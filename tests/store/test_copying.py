"""Everything a store keeps is copied into any other, and copied again without harm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from lineal.lineage.projections import projected_tables
from lineal.store.connection import Connection, Store
from lineal.store.copying import (
    BROUGHT,
    CHANGING,
    LASTING,
    WATCHED,
    Table,
    add_rows,
    equal_rows,
)
from lineal.store.database import Database
from lineal.store.rows import insert_rows

ROWS: dict[str, list[tuple[Any, ...]]] = {
    "objects": [(bytes((n % 256, n // 256)) * 16, b"\x00data") for n in range(1200)],
    "memo": [(b"step 1", b"[]\n"), (b"step 2", b"\xff")],
    "claims": [("register", "document:ä", "event 1"), ("register", "x", "event 2")],
    "handled": [("ocr", "p1", 1), ("ocr", "p2", 1 << 60)],
    "seen_events": [("deploy", bytes(16), "t/0/1", 1), ("ocr", b"\xff" * 16, "t/7/2", 1 << 50)],
    "dead_letters": [("dead.ocr", "e1", 7, 1 << 50, b"{}")],
    "fan_in_groups": [
        ("ocr.gather", "w", part, b"{}", None, None) if part else ("ocr", "v", 0, b"{}", "e", 1)
        for part in range(12)
    ],
    "state": [
        ("deploy", "Z rollout", "e1", None, b"{}", None, b"[]"),
        ("deploy", "a rollout", "e2", b"\x00", None, 1 << 55, b"{}"),
        ("deploy", "ä rollout", "e3", b"1", b"2", None, None),
    ],
    "timers": [("deploy", "step", 1 << 55, b"{}", None, None), ("deploy", "x", 0, b"{}", "w", 1)],
    "waiting_events": [
        ("book", "a", "test:x", "e1", 1, "t/0/1", "redrive.book/0/1", 1 << 50),
        ("book", "a", "test:x", "e2", 2, "t/0/2", None, None),
    ],
    "delayed_retries": [
        ("book", "test:x", "e1", "t/0/1", "redrive.book/0/1", 2, 1, 5, 1 << 50, "handled", 1 << 50),
        ("book", "test:x", "e2", "t/0/2", "t/0/2", 1, 1, 5, 1 << 50, None, None),
    ],
    "outbox": [
        ("b", 1 << 50, "ocr", 1 << 50, "t", 7, None, b"{}"),
        ("b", 2, "", 1, "t", 7, "n", b""),
    ],
    "taken_objects": [("bucket", f"{n} b", "etag", n) for n in range(3)],
    "store_secrets": [("arrival ids", bytes(32), 1)],
    "mark_keys": [("k1", bytes(32), 1), ("k2", b"\xff" * 32, 1 << 50)],
    "users": [("ann", "reader", "$argon2id$", 1), ("bob", "owner", None, 2)],
    "api_tokens": [
        ("1", b"\x00" * 32, "t", None, "read", None, 1, None, None, None),
        ("2", b"\xff" * 32, "t", "ann", "read,upload", "a.*", 1, 1 << 55, 3, "ann"),
    ],
    "ledger_positions": [("kafka:cluster:lineal.lineage", 12345)],
}
ELSEWHERE = {
    "ledger", "ledger_index", "builds",  # the ledger is appended record by record
    "search_entries", "search_facets", "search_text", "search_text_config", "search_text_content",
    "search_text_data", "search_text_docsize", "search_text_idx",  # made anew from the texts
    "topics", "partitions", "events", "groups", "group_partitions", "group_completed",
    "group_members",  # the embedded bus: topics are copied by their events
    "members", "dead_letter_claims", "open_circuits",  # who works now, and with what
    "ledger_log", "ledger_tiles",  # the log's tree is made anew from the records
    "sessions",  # whoever was logged in logs in again
    *(table.name for table in projected_tables()),
}  # fmt: skip
BY_NAME = {table.name: table for table in (*LASTING, *CHANGING, BROUGHT)}


async def fill(store: Store, table: Table, rows: list[tuple[Any, ...]]) -> None:
    head = f"INSERT INTO {table.name} ({', '.join((*table.key, *table.rest))})"
    await store.write(partial(insert_rows, head=head, rows=rows))


async def content(store: Store, table: Table) -> set[tuple[Any, ...]]:
    columns = ", ".join((*table.key, *table.rest))

    def rows(connection: Connection) -> set[tuple[Any, ...]]:
        return set(map(tuple, connection.execute(f"SELECT {columns} FROM {table.name}")))

    return await store.read(rows)


async def counted(
    copy: Callable[..., Awaitable[None]], source: Store, target: Store, table: Table
) -> int:
    """How many rows a copy says it has done."""
    portions: list[int] = []
    await copy(source, target, table, portions.append)
    return sum(portions)


async def run(store: Store, statement: str) -> None:
    await store.write(lambda connection: connection.execute(statement).rowcount)


async def test_no_table_and_no_column_is_forgotten(database: Database) -> None:
    tables = await database.read(
        lambda c: {
            name
            for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type='table'")
            if not name.startswith("sqlite_")
        }
    )
    assert tables - ELSEWHERE == {*BY_NAME, WATCHED.name}
    for table in (*BY_NAME.values(), WATCHED):
        columns = await database.read(
            lambda c, name=table.name: {row[1] for row in c.execute(f"PRAGMA table_info({name})")}  # type: ignore[misc]
        )
        assert columns - {"id"} == {*table.key, *table.rest}


@pytest.mark.parametrize("table", LASTING, ids=lambda table: table.name)
async def test_what_is_missing_is_added_once(
    database: Database, store: Store, table: Table
) -> None:
    rows = ROWS[table.name]
    await fill(database, table, rows)
    await fill(store, table, rows[:1])
    assert await counted(add_rows, database, store, table) == len(rows) - 1
    assert await content(store, table) == set(rows)
    assert await counted(add_rows, database, store, table) == 0


@pytest.mark.parametrize("table", (*CHANGING, BROUGHT), ids=lambda table: table.name)
async def test_what_changes_is_made_the_same_again(
    database: Database, store: Store, table: Table
) -> None:
    rows = ROWS[table.name]
    await fill(database, table, rows)
    assert await counted(equal_rows, database, store, table) == len(rows)
    assert await content(store, table) == set(rows)
    assert await counted(equal_rows, database, store, table) == 0
    # Interrupted, and the source went on for a while.
    one = f"({', '.join(table.key)}) = (SELECT {', '.join(table.key)} FROM {table.name} LIMIT 1)"
    value = "x'77'" if isinstance(rows[0][-1], bytes) else "77"
    await run(database, f"UPDATE {table.name} SET {table.rest[-1]} = {value} WHERE {one}")
    assert await counted(equal_rows, database, store, table) == 1
    await run(database, f"DELETE FROM {table.name} WHERE {one}")
    assert await counted(equal_rows, database, store, table) == 1
    assert await content(store, table) == await content(database, table)
    assert len(await content(store, table)) == len(rows) - 1
