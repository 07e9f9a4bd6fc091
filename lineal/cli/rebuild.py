"""``lineal rebuild``: the metadata tables hold nothing of their own."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import typer

from lineal.cli.options import DataOption, JsonOption
from lineal.cli.printing import count_of, print_json
from lineal.cli.reading import existing_data


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
    from lineal.lineage.rebuild import rebuild as rebuild_tables
    from lineal.store.database import Database
    from lineal.store.tables import DERIVED

    def work(connection: sqlite3.Connection) -> tuple[int, dict[str, int]]:
        records = rebuild_tables(connection)
        rows = {
            table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in DERIVED
        }
        return records, rows

    database = Database(folder)
    database.open()
    try:
        return await database.write(work)
    finally:
        await database.close()
