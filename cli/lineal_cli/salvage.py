"""``lineal salvage``: takes what can be read of a damaged data folder into a new one."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import (
    FAILED,
    CommandFailed,
    DataOption,
    JsonOption,
    data_folder,
    load_settings,
)
from lineal_cli.printing import count_of, plain, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.backup.salvage import SalvageResult
    from lineal.settings import Settings
    from lineal_schemas.envelope import RawEvent

_SHOWN = 20


def salvage(
    target: Annotated[Path, typer.Argument(metavar="NEW", help="The new data folder.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take what can be read of a damaged data folder into a new one.

    Stop daemons before. Records and objects are taken if they have their digests, from every page
    of the database that can be read, also where its first page or its schema is damaged; says
    which records, objects, tables and pages were lost, and ends 1 where anything was, with what
    could be read in the new folder. Records that the lineage topic of Kafka has still are put back.
    A backup is better: `lineal restore`.
    """
    from lineal.backup.salvage import salvage as take
    from lineal.observability.logging import configure_logging
    from lineal_cli.work_bar import work_bar

    folder = data_folder(data)
    if not any((folder / name).is_dir() for name in ("objects", "checkpoints")):
        folder = existing_data(data)
    settings = load_settings(folder)
    configure_logging("error", settings.log_format)
    if settings.store != "sqlite:":
        raise CommandFailed("the store is in Postgres, which has tools of its own")
    with work_bar(quiet=as_json) as show:
        checkpoints = settings.log.checkpoint_folder(folder)
        secrets = settings.mark_secrets
        done = take(
            folder, checkpoints, target, show, on_topic=messages_on_topic(settings),
            mark_secrets=None if secrets is None else secrets.get_secret_value(),
        )  # fmt: skip
    if as_json:
        print_json({"complete": done.is_complete, **asdict(done)})
    else:
        _print(done, target, folder)
    if not done.is_complete:
        raise typer.Exit(FAILED)


def _print(done: SalvageResult, target: Path, folder: Path) -> None:
    typer.echo(f"{target}: {count_of(done.rows.get('ledger', 0), 'record')}")
    if done.records_put_back:
        put_back = count_of(len(done.records_put_back), "record")
        typer.echo(f"and {put_back} that only the lineage topic had")
    if done.database_missing:
        typer.echo(f"{folder / 'lineal.db'} is missing or empty: all that was in it is lost")
    for what, lost in (
        ("records", [str(number) for number in done.records_lost]),
        ("large objects", done.objects_lost),
        ("tables", done.tables_lost),
        ("some rows perhaps of the tables", done.tables_incomplete),
        ("pages of the database", [str(number) for number in done.pages_lost]),
        (
            "pages with rows that may be of several tables",
            [str(number) for number in done.pages_unassigned],
        ),
    ):
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            typer.echo(f"lost {what}: {plain(', '.join(lost[:_SHOWN]))}{more}")
    for left_out in done.steps_left_out:
        typer.echo(f"{plain(left_out)}; `lineal rebuild` applies them once its package is mended")
    typer.echo(f"`lineal verify --data {target}` says what else is missing.")
    if done.records_lost:
        typer.echo(
            "Nothing is signed while records are missing: put them back from a backup, or give the "
            "log up with `lineal log begin`."
        )


def messages_on_topic(settings: Settings) -> Sequence[RawEvent]:
    """The messages of the lineage topic, if the bus has one and can be read; else it is said why
    there are none."""
    if not settings.bus.startswith("kafka://"):
        return ()
    from lineal.errors import LinealError

    try:
        return asyncio.run(_read_topic(settings))
    except (LinealError, OSError) as error:
        typer.echo(f"lineal: nothing is taken from the lineage topic: {error}", err=True)
        return ()


async def _read_topic(settings: Settings) -> Sequence[RawEvent]:
    from lineal.backends import open_bus
    from lineal.lineage.topic_records import read_topic_messages
    from lineal.store.database import Database, file_blobs
    from lineal.store.objects import ObjectStore

    # The bus wants a folder of its own: nothing is written to the damaged one.
    with tempfile.TemporaryDirectory(prefix="lineal-salvage-") as name:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(name)
            database = Database(folder, durability="normal")
            database.open()
            stack.push_async_callback(database.close)
            objects = ObjectStore(database, file_blobs(database))
            elsewhere = settings.model_copy(update={"data": folder})
            bus = await open_bus(elsewhere, database, database, objects, stack)
            return await read_topic_messages(bus)
