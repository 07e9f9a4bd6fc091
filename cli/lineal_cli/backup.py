"""``lineal backup``: copies everything to another place, and verifies such a copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lineal_cli.options import FAILED, CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data, reading_blobs
from lineal_cli.verify import print_findings

if TYPE_CHECKING:
    from lineal.backup.manifest import Manifest
    from lineal.proof.verification import Verified


class _Group(TyperGroup):
    """``backup DEST`` is short for ``backup to DEST``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["to", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Group, no_args_is_help=True, add_completion=False)


@app.callback()
def backup() -> None:
    """Back up everything to a folder, while daemons work, and verify backups.

    `lineal backup DEST` is short for `lineal backup to DEST`.
    """


@app.command()
def to(
    target: Annotated[
        Path,
        typer.Argument(metavar="DEST", help="Folder of the backup, made if missing."),
    ],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Private keys and tokens, too: keep the backup as safe as these."
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the data folder, with its store and its objects.

    Goes on from an earlier backup in DEST: objects that are there are not copied again, those that
    were erased are removed. Without --with-keys keep the key of the log (log.key) elsewhere: who
    restores the backup needs it to go on signing.

    Topics on Kafka and AWS are not in it.
    """
    from lineal.backup.backup import make_backup
    from lineal_cli.work_bar import work_bar

    folder = existing_data(data)
    settings = load_settings(folder)
    if not (folder / "lineal.db").is_file():
        raise CommandFailed(f"there is no data in {folder} yet: a daemon makes it")
    with reading_blobs(folder) as objects, work_bar(quiet=as_json) as show:
        manifest = make_backup(settings, objects, target, show, with_keys=with_keys)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    typer.echo(f"{target}: {count_of(manifest.records, 'record')}, {manifest.signed} signed")
    if not with_keys:
        typer.echo("Keys are not in it: keep log.key elsewhere, or say --with-keys.")
    typer.echo(f"Verify it with: lineal backup verify {target}")


@app.command()
def verify(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of the backup.")],
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="Trust this verifier key, and not the manifest's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a backup is whole and that nobody changed it.

    Looks at all that `lineal verify` looks at, and at the digests that the manifest names.
    """
    from lineal.backup.manifest import read_manifest

    manifest = read_manifest(source)
    verified = verify_source(source, manifest, key or (), quiet=as_json)
    if as_json:
        print_json(
            {
                "verified": not verified.findings,
                **verified.results,
                "findings": [finding._asdict() for finding in verified.findings],
            }
        )
    elif verified.first is None:
        records = count_of(int(verified.results.get("records") or 0), "record")
        objects = count_of(int(verified.results.get("objects") or 0), "object")
        if manifest.store is None:
            typer.echo(f"{source}: {records}, {objects}: all as they were")
        else:
            typer.echo(
                f"{source}: a dump with {records}, {objects}: the files are as they were. "
                "Verify the records when they are restored: lineal verify"
            )
    else:
        print_findings(verified.first, verified.findings)
    if verified.findings:
        raise typer.Exit(FAILED)


def verify_source(
    source: Path, manifest: Manifest, keys: Sequence[str], *, quiet: bool
) -> Verified:
    """What the checks of a backup came to."""
    from lineal.backup.check import verify_backup
    from lineal.producers import broker_types
    from lineal.proof.note import parse_verifier_key
    from lineal_cli.work_bar import work_bar

    trusted = [parse_verifier_key(each) for each in keys]
    outside = broker_types(load_settings())
    with work_bar(quiet=quiet) as show:
        return verify_backup(source, manifest, show, keys=trusted, from_outside=outside)
