"""``lineal migrate``: copies everything to another bus, store or bucket."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.lifetime import run_in_loop
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.settings import Settings


def migrate(
    bus: Annotated[
        str | None, typer.Option(metavar="URL", help="Move topics to this bus.", show_default=False)
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Move ledger, memo and search to this store.", show_default=False
        ),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Move large objects to this place.", show_default=False),
    ] = None,
    to_data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Data folder of the target; the same if not given.",
            show_default=False,
        ),
    ] = None,
    leave: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUP",
            help="What waits for this group may stay behind: nobody works for it any more.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy everything to another bus, store or bucket.

    Topics with their dead letters and the positions of their groups, ledger, memo, what stages
    keep, search index and objects.

    The source is named by the settings as they are, and is only read. Stop daemons and producers
    before; afterwards put the new URLs into lineal.toml. Interrupted, it goes on where it was.
    """
    source = load_settings(existing_data(data))
    target = source.model_copy(
        update={
            name: value
            for name, value in (
                ("bus", bus),
                ("store", store),
                ("objects", objects),
                ("data", to_data),
            )
            if value is not None
        }
    )
    if target == source:
        raise typer.BadParameter("say where to: --bus, --store, --objects or --to-data")
    quiet = as_json or not sys.stderr.isatty()
    copied = run_in_loop(_migrate(source, target, leave or (), quiet=quiet))
    if as_json:
        print_json(dict(copied))
        return
    from lineal.migrate import LEFT_BEHIND

    for what, count in copied.items():
        typer.echo(f"{what}: {count:,}{'' if what == LEFT_BEHIND else ' copied'}")
    if not copied:
        typer.echo("Nothing was left to copy.")
    _print_settings(source, target)


def _print_settings(source: Settings, target: Settings) -> None:
    typer.echo("Now put into lineal.toml:")
    for name in ("bus", "store", "objects", "data"):
        value = getattr(target, name)
        if value != getattr(source, name):
            typer.echo(f'  {name} = "{value}"')


async def _migrate(
    source: Settings, target: Settings, leave: Collection[str], *, quiet: bool
) -> Counter[str]:
    from lineal.migrate import CannotMigrate
    from lineal.migrate import migrate as copy
    from lineal.runtime import open_runtime

    copied: Counter[str] = Counter()

    def progress(what: str, count: int) -> None:
        if count:
            copied[what] += count
        if not quiet:
            typer.echo(f"\r{what}: {copied[what]:,} copied\033[K", nl=False, err=True)

    async with open_runtime(source) as old, open_runtime(target) as new:
        try:
            await copy(old, new, progress, leave)
        except CannotMigrate as error:
            raise CommandFailed(str(error)) from error
        finally:
            if not quiet:
                typer.echo("\r\033[K", nl=False, err=True)
    return copied
