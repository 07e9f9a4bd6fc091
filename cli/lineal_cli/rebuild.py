"""``lineal rebuild``: makes the tables of projections again from the ledger."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineal.lineage.projections import LeftOut
    from lineal.settings import Settings
    from lineal.store.connection import Connection, Store


def rebuild(
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Also from a ledger that is not the one signed."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the metadata tables again from the ledger.

    Verifies the ledger before: tables that are made from an edited one would make the edit the
    truth. Fails if a projection left out steps that it could not apply; all else is made.
    """
    from lineal.observability.logging import configure_logging

    folder = existing_data(data)
    configure_logging("error", load_settings(folder).log_format)
    if not unverified:
        _verify(folder, quiet=as_json)
    left_out: list[LeftOut] = []
    try:
        steps, rows = asyncio.run(_rebuild(folder, left_out.append))
    except (zlib.error, ValueError) as error:
        raise CommandFailed(
            f"the ledger cannot be read ({error}): `lineal verify` names the records"
        ) from error
    if as_json:
        # By their former name too, which scripts read.
        left = list(map(str, left_out))
        print_json({"steps": steps, "records": steps, "rows": rows, "left_out": left})
    else:
        typer.echo(f"made again from {count_of(steps, 'step')}:")
        for table, count in rows.items():
            typer.echo(f"  {table.replace('_', ' ')}: {count_of(count, 'row')}")
    if left_out:
        raise CommandFailed("; ".join(map(str, left_out)))


def _verify(folder: Path, *, quiet: bool) -> None:
    """Refuse a ledger that does not verify.

    Raises:
        CommandFailed: it does not.
    """
    from lineal.proof.installed_checks import checks_before_rebuild
    from lineal.proof.verification import run_checks
    from lineal_cli.verifying import verification
    from lineal_cli.work_bar import work_bar

    settings = load_settings(folder)
    if not settings.log.enabled or not asyncio.run(_sign(settings)):
        return
    with verification(folder) as context, work_bar(quiet=quiet) as show:
        first = run_checks(checks_before_rebuild(), context, show).first
    if first is not None:
        raise CommandFailed(
            f"the ledger does not verify: {first.what}. `lineal verify` says more; --unverified "
            "makes the tables from it all the same"
        )


async def _sign(settings: Settings) -> bool:
    """Sign the records that no daemon has signed yet; False for a ledger without signatures."""
    from lineal.proof.log_tables import read_log
    from lineal.proof.writer import sign_behind

    async with AsyncExitStack() as stack:
        store = await _open(settings, stack)
        key = settings.log.key_file(settings.data)
        if not key.exists() and await store.read(read_log) is None:
            return False
        await sign_behind(store, settings.log, settings.data)
        return True


async def _open(settings: Settings, stack: AsyncExitStack) -> Store:
    from lineal.backends import open_shared_store
    from lineal.store.database import Database

    if settings.store != "sqlite:":
        return await open_shared_store(settings, stack)
    database = Database(settings.data, durability=settings.durability)
    database.open()
    stack.push_async_callback(database.close)
    return database


async def _rebuild(
    folder: Path, on_left_out: Callable[[LeftOut], object]
) -> tuple[int, dict[str, int]]:
    from lineal.lineage.projections import projected_tables
    from lineal.lineage.rebuild import rebuild as rebuild_tables

    def work(connection: Connection) -> tuple[int, dict[str, int]]:
        records = rebuild_tables(connection, on_left_out)
        rows = {
            table.name: int(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
            for table in projected_tables(derived=True)
        }
        return records, rows

    settings = load_settings(folder)
    async with AsyncExitStack() as stack:
        store = await _open(settings, stack)
        return await store.write(work)
