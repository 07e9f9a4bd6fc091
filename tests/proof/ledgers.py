"""Ledgers with a log, made by the parts that make them in a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Build, Record
from lineal.proof.writer import LogWriter, Signed
from lineal.settings import LogSettings
from lineal.store.connection import Connection, Store
from lineal.store.database import Database
from tests.lineage.records import one_step

BUILD = Build("ocr", "1", "a" * 64, "b" * 64)


def records(first: int, count: int) -> list[Record]:
    """Records that do not become one: two builds in turns."""
    return [
        one_step(
            f"document:{number % 7}",
            BUILD._replace(version=str(number % 2)),
            started=number,
            events_in=[f"event {number}"],
        )
        for number in range(first, first + count)
    ]


def _append(items: Sequence[Record], connection: Connection) -> None:
    Ledger().append(connection, items)


async def append(store: Store, first: int, count: int) -> None:
    await store.write(partial(_append, records(first, count)))


def writer(store: Store, folder: Path, owner: str = "a", **settings: object) -> LogWriter:
    given = {"origin": "log.example/test", "kept_seconds": 0, **settings}
    return LogWriter(store, LogSettings.model_validate(given), folder, owner)


async def sign(store: Store, folder: Path, **settings: object) -> Signed:
    log = writer(store, folder, "a", **settings)
    done = await log.catch_up()
    assert done is not None
    await log.release()
    return done


def make_ledger(folder: Path, sizes: Sequence[int]) -> None:
    """A data folder with a ledger that was signed at each of these sizes."""

    async def make() -> None:
        database = Database(folder, durability="normal")
        database.open()
        made = 0
        for size in sizes:
            await append(database, made, size - made)
            made = size
            await sign(database, folder)
        await database.close()

    asyncio.run(make())
