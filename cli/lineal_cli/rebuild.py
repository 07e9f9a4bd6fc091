"""``lineal rebuild``: the metadata tables hold nothing of their own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.store.connection import Connection


def rebuild(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Make the metadata tables again from the ledger."""
    records, rows = asyncio.run(_rebuild(existing_data(data)))
    if as_json:
        print_json({"records": records, "rows": rows})
        return
    typer.echo(f"made again from {count_of(records, 'record')}:")
    for table, count in rows.items():
        typer.echo(f"  {table.replace('_', ' ')}: {count_of(count, 'row')}")


async def _rebuild(folder: Path) -> tuple[int, dict[str, int]]:
    from lineal.backends import open_shared_store
    from lineal.lineage.projections import projected_tables
    from lineal.lineage.rebuild import rebuild as rebuild_tables
    from lineal.store.connection import Store
    from lineal.store.database import Database

    def work(connection: Connection) -> tuple[int, dict[str, int]]:
        records = rebuild_tables(connection)
        rows = {
            table.name: int(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
            for table in projected_tables(derived=True)
        }
        return records, rows

    settings = load_settings(folder)
    async with AsyncExitStack() as stack:
        store: Store
        if settings.store == "sqlite:":
            store = database = Database(folder, durability=settings.durability)
            database.open()
            stack.push_async_callback(database.close)
        else:
            store = await open_shared_store(settings, stack)
        return await store.write(work)
