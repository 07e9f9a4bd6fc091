"""``lineal deploy root``: whose signatures model packages need, and how that changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal_catalog.models.release_roots import PublishedRoot
    from lineal_scoring.release_root import ReleaseRoot

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The root of trust of packages: keys, how many sign, and the next root.",
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The draft.")]
KeyOption = Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key to sign with.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="The passphrase of an encrypted key."),
]
_KEYS = "{} key, as `lineal deploy key` prints it, or a PEM file; again for more. Those of before."


@app.command()
def draft(
    file: FileArgument,
    root_key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help=_KEYS.format("Root"))
    ] = None,
    root_threshold: Annotated[
        int | None, typer.Option(min=1, help="Root keys that have to sign the next root.")
    ] = None,
    package_key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help=_KEYS.format("Package"))
    ] = None,
    package_threshold: Annotated[
        int | None, typer.Option(min=1, help="Package keys that have to sign a package.")
    ] = None,
    online_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Key of a service that signs, every few hours, which packages are current; again "
            "for more. Devices then ask for it.",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days that the root is valid.")] = 365,
    reset_counters: Annotated[
        bool,
        typer.Option(
            "--reset-counters",
            help="Begin a new epoch: devices whose counter was raised accept packages again, and "
            "no package of before.",
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the next root, for others to sign. What is not given stays as it is."""
    from lineal_consumers.deploy.root_draft import draft_root, read_public_key

    _, before = asyncio.run(_newest(existing_data(data)))
    if before is None and not (root_key and package_key):
        raise CommandFailed("the first root needs --root-key and --package-key")
    text = draft_root(
        before,
        root_keys=[read_public_key(key) for key in root_key or ()],
        root_threshold=root_threshold,
        package_keys=[read_public_key(key) for key in package_key or ()],
        package_threshold=package_threshold,
        online_keys=[read_public_key(key) for key in online_key or ()],
        days=days,
        next_epoch=reset_counters,
    )
    try:
        with file.open("xb") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise CommandFailed(f"{file} is there already: it is left alone") from error
    version = 1 if before is None else before.version + 1
    if as_json:
        print_json({"file": str(file), "version": version})
        return
    typer.echo(f"wrote {file}, root {version}. Now, each with their own key:")
    typer.echo(f"  lineal deploy root sign {file} --key KEY.pem")
    typer.echo(f"  lineal deploy root publish {file}")


@app.command()
def sign(
    file: FileArgument,
    key: KeyOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a draft. It can be carried to the machine that has the key, which needs no data."""
    from lineal_consumers.deploy.keys import public_key, read_key
    from lineal_consumers.deploy.root_draft import sign_draft
    from lineal_scoring.release_root import read_root

    private = read_key(key, passphrase_file)
    signed = sign_draft(file.read_bytes(), private)
    file.write_bytes(signed)
    root = read_root(signed)
    if as_json:
        print_json({"file": str(file), "signatures": list(root.signatures)})
        return
    typer.echo(f"{public_key(private).key_id} has signed root {root.signed.version}:")
    _print_roles(root.signed.to_dict())
    typer.echo(f"signed by {', '.join(root.signatures)}")


@app.command()
def publish(file: FileArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Publish a root that enough keys have signed: those of the root before, and its own."""

    async def published(folder: Path) -> ReleaseRoot:
        from lineal.access.senders import acting_credential
        from lineal.runtime import open_runtime
        from lineal_catalog.models.release_roots import publish_root

        async with open_runtime(load_settings(folder)) as runtime:
            by = await runtime.store.read(acting_credential)
            return await publish_root(runtime, file.read_bytes(), by)

    root = asyncio.run(published(existing_data(data)))
    if as_json:
        print_json({"version": root.version, "epoch": root.epoch})
        return
    typer.echo(f"published root {root.version}; devices take it with their next job")


@app.command()
def show(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write the root here, for new devices."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the root that holds now, and who published it."""
    published, root = asyncio.run(_newest(existing_data(data)))
    if published is None or root is None:
        raise CommandFailed(
            "no root was published: devices trust the keys of their settings. "
            "`lineal deploy root draft` begins one"
        )
    if out is not None:
        out.write_bytes(root.data)
    signed: dict[str, Any] = root.metadata.signed.to_dict()
    if as_json:
        print_json(
            {
                "version": root.version,
                "epoch": root.epoch,
                "expires": signed["expires"],
                "roles": {name: signed["roles"][name] for name in ("root", "targets")},
                "published_by": published.by,
                "published_us": published.at,
            }
        )
        return
    typer.echo(f"root {root.version}, published by {published.by} {when(published.at)}")
    _print_roles(signed)


def _print_roles(signed: dict[str, Any]) -> None:
    typer.echo(f"expires {signed['expires']}, epoch {signed.get('x-lineal-epoch', 0)}")
    print_table(
        ("signs", "keys", "have to sign"),
        [
            (
                what,
                " ".join(signed["roles"][role]["keyids"]),
                str(signed["roles"][role]["threshold"]),
            )
            for what, role in (
                ("the next root", "root"),
                ("packages", "targets"),
                *([("what is current", "timestamp")] if signed.get("x-lineal-snapshots") else []),
            )
        ],
    )


async def _newest(folder: Path) -> tuple[PublishedRoot | None, ReleaseRoot | None]:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.release_roots import newest_root, read_root

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        published = await runtime.store.read(newest_root)
        return published, None if published is None else await read_root(runtime, published)
