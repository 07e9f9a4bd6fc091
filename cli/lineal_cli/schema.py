"""``lineal schema``: publish the JSON Schemas and keep them compatible."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import FAILED, CommandFailed, JsonOption

if TYPE_CHECKING:
    from lineal_schemas.export import Name, Schema

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Publish the JSON Schemas and keep them compatible.",
)


PackageOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only the events that this Python package defines."),
]


def _schemas(package: str | None, *, ours: bool) -> dict[Name, Schema]:
    """The schemas of a package's events; without one, of lineal's own, or of all that are known."""
    from lineal.events import installed_types, types_of
    from lineal_schemas.export import export as schemas

    if package is None:
        return schemas(None if ours else installed_types())
    payloads = types_of(package)
    if not payloads:
        raise CommandFailed(
            f"no event type is defined in {package}: name its modules under the entry points "
            "lineal.events, and install it"
        )
    return schemas(payloads)


def _own_schemas(package: str | None, *, ours: bool) -> dict[Name, Schema]:
    """As :func:`_schemas`; of a package the events that it defines alone, without the envelope and
    the documents that are lineal's."""
    from lineal.events import types_of

    found = _schemas(package, ours=ours)
    if package is None:
        return found
    own = types_of(package)
    return {name: schema for name, schema in found.items() if name[0] in own}


@app.command()
def export(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to; in a checkout, schemas/json unless given."),
    ] = None,
    package: PackageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schemas of the envelope, all events and the result documents.

    With --out those of all installed packages; with --package the events of one alone. In lineal's
    own checkout, without it, lineal's own, and the AsyncAPI document beside them.
    """
    from lineal_schemas.asyncapi import committed_file, published, write
    from lineal_schemas.export import committed_folder, in_checkout, write_folder

    if out is None and (package is not None or not in_checkout()):
        raise typer.BadParameter("say where to with --out DIR")
    folder = out or committed_folder()
    current = _own_schemas(package, ours=out is None)
    try:
        written = write_folder(folder, current)
        if out is None and write(committed_file(), published(current)):
            written.append(committed_file())
    except OSError as error:
        typer.echo(f"Cannot write to {folder}: {error.strerror}. Choose another --out.", err=True)
        raise typer.Exit(FAILED) from error
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "written": [path.name for path in written]}))
    else:
        for path in written:
            typer.echo(f"wrote {path}")
        typer.echo(f"{len(current)} schemas in {folder}, {len(written)} new or changed")


@app.command()
def asyncapi(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|-",
            help="File to write; in a checkout, schemas/asyncapi.json unless given.",
        ),
    ] = None,
    package: PackageOption = None,
) -> None:
    """Write the AsyncAPI 3 document: all topics and events, with their schemas.

    With --out those of all installed packages, or of one. `lineal schema export` keeps the one in a
    checkout up to date.
    """
    from lineal_schemas.asyncapi import committed_file, document, published
    from lineal_schemas.export import in_checkout, render

    if out is None and (package is not None or not in_checkout()):
        raise typer.BadParameter("say where to with --out FILE (or -)")
    content = render(document(published(_schemas(package, ours=out is None))))
    if str(out) == "-":
        typer.echo(content.decode(), nl=False)
        return
    file = out or committed_file()
    try:
        file.write_bytes(content)
    except OSError as error:
        typer.echo(f"Cannot write {file}: {error.strerror}. Choose another --out.", err=True)
        raise typer.Exit(FAILED) from error
    typer.echo(f"wrote {file}")


@app.command()
def check(
    package: PackageOption = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--schemas", metavar="DIR", help="Where the published schemas of --package are."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fail if a model no longer fits its published schema, or what is published is not up to
    date."""
    from lineal_schemas.asyncapi import FILE, committed_file, published, stale
    from lineal_schemas.export import committed_folder, read_folder
    from lineal_schemas.history import Problem
    from lineal_schemas.history import check as problems_of

    if (package is None) != (folder is None):
        raise typer.BadParameter("--package and --schemas go together")
    current = _own_schemas(package, ours=True)
    problems = problems_of(read_folder(folder or committed_folder()), current)
    file = committed_file()
    if package is None and (
        message := stale(file.read_bytes() if file.is_file() else None, published(current))
    ):
        problems.append(Problem(FILE, "stale", message))
    if as_json:
        listed = [dataclasses.asdict(problem) for problem in problems]
        typer.echo(json.dumps({"ok": not problems, "problems": listed}))
    else:
        for problem in problems:
            typer.echo(f"{problem.kind}: {problem.schema}: {problem.message}", err=True)
        if any(problem.kind == "stale" for problem in problems):
            again = "" if package is None else f" --package {package} --out {folder}"
            typer.echo(f"Run `lineal schema export{again}` and commit what it writes.", err=True)
        if not problems:
            typer.echo(f"{len(current)} schemas are compatible and up to date")
    if problems:
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    app()
