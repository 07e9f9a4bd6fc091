"""``lineal salvage``: takes what can be read of a damaged data folder into a new one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json
from lineal_cli.reading import existing_data

_SHOWN = 20


def salvage(
    target: Annotated[Path, typer.Argument(metavar="NEW", help="The new data folder.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take what can be read of a damaged data folder into a new one.

    Stop daemons before. Records and objects are taken if they have their digests; says which
    records and objects were lost. A backup is better: `lineal restore`.
    """
    from lineal.backup.salvage import salvage as take
    from lineal.observability.logging import configure_logging
    from lineal_cli.work_bar import work_bar

    folder = existing_data(data)
    settings = load_settings(folder)
    configure_logging("error", settings.log_format)
    if settings.store != "sqlite:":
        raise CommandFailed("the store is in Postgres, which has tools of its own")
    with work_bar(quiet=as_json) as show:
        done = take(folder, settings.log.checkpoint_folder(folder), target, show)
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(f"{target}: {count_of(done.rows.get('ledger', 0), 'record')}")
    for what, lost in (
        ("records", [str(number) for number in done.records_lost]),
        ("large objects", done.objects_lost),
        ("tables", done.tables_lost),
    ):
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            typer.echo(f"lost {what}: {plain(', '.join(lost[:_SHOWN]))}{more}")
    typer.echo(f"`lineal verify --data {target}` says what else is missing.")
    if done.records_lost:
        typer.echo(
            "Nothing is signed while records are missing: put them back from a backup, or give the "
            "log up with `lineal log begin`."
        )
