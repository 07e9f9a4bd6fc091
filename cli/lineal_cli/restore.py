"""``lineal restore``: makes a data folder of a backup."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.lifetime import run_in_loop
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json

if TYPE_CHECKING:
    from lineal.settings import Settings


def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of a backup.")],
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="Trust this verifier key, and not the manifest's."),
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Also from a backup that does not verify.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a data folder of a backup.

    Verifies the backup first, and refuses a folder that is there already. With a store in Postgres
    the dump is loaded into the database that LINEAL_STORE names, which is empty.
    """
    from lineal.backup.manifest import read_manifest
    from lineal.backup.restore import restored_folder
    from lineal_cli.backup import verify_source
    from lineal_cli.work_bar import work_bar

    settings = load_settings(data)
    manifest = read_manifest(source)
    if manifest.store is not None and settings.store == "sqlite:":
        raise CommandFailed(
            "the backup has a store in Postgres: name an empty database with LINEAL_STORE"
        )
    if not unverified:
        verified = verify_source(source, manifest, key or (), quiet=as_json)
        if verified.first is not None:
            found = count_of(len(verified.findings), "finding")
            raise CommandFailed(
                f"the backup does not verify: {verified.first.what} ({found}: "
                f"`lineal backup verify {source}`); --unverified restores what is there"
            )
    with (
        work_bar(quiet=as_json) as show,
        # It has its name when all is where it belongs: else the next attempt would be refused.
        restored_folder(source, manifest, settings.data, show) as made,
    ):
        if settings.objects != "file:":
            run_in_loop(_send_objects(settings, made, show))
        if manifest.store is not None:
            _load_store(settings, source / manifest.store.file, made)
    signed = settings.log.key_file(settings.data).exists()
    if as_json:
        print_json({**manifest.model_dump(mode="json"), "data": str(settings.data)})
        return
    typer.echo(f"{settings.data}: {count_of(manifest.records, 'record')} restored")
    if not signed and manifest.log_keys:
        typer.echo(
            f"The log's key is not in the backup: put it to {settings.log.key_file(settings.data)} "
            "before a daemon starts, so that it goes on signing."
        )


def _load_store(settings: Settings, dump: Path, made: Path) -> None:
    from lineal.backup.manifest import CHECKPOINTS
    from lineal.backup.postgres import load
    from lineal.proof.files import CheckpointFiles

    row = load(settings.store, dump)
    if row is not None and row.checkpoint is not None:
        # The dump is younger than the checkpoints that were copied before it.
        CheckpointFiles(made / CHECKPOINTS).put(row.checkpoint, row.size, keep=False)


async def _send_objects(
    settings: Settings, made: Path, show: Callable[[str, int, int], None]
) -> None:
    from lineal.backends import open_blobs
    from lineal.backup.restore import send_objects
    from lineal.store.blobs import FileBlobs

    async with AsyncExitStack() as stack:
        files = FileBlobs(made, made / "run", "restore")
        await send_objects(made, await open_blobs(settings, files, stack), show)
