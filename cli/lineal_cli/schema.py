"""``lineal schema``: publish the JSON Schemas and keep them compatible."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import FAILED, JsonOption

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Publish the JSON Schemas and keep them compatible.",
)


@app.command()
def export(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to; in a checkout, schemas/json unless given."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schemas of the envelope, all events and the result documents.

    In a checkout, without --out, the AsyncAPI document beside them as well.
    """
    from lineal_schemas.asyncapi import committed_file, published, write
    from lineal_schemas.export import committed_folder, in_checkout, write_folder
    from lineal_schemas.export import export as schemas

    if out is None and not in_checkout():
        raise typer.BadParameter("say where to with --out DIR: this is not a checkout")
    folder = out or committed_folder()
    current = schemas()
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
) -> None:
    """Write the AsyncAPI 3 document: all topics and events, with their schemas.

    `lineal schema export` keeps the one in a checkout up to date.
    """
    from lineal_schemas.asyncapi import committed_file, document
    from lineal_schemas.export import in_checkout, render

    if out is None and not in_checkout():
        raise typer.BadParameter("say where to with --out FILE (or -): this is not a checkout")
    content = render(document())
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
def check(as_json: JsonOption = False) -> None:
    """Fail if a model no longer fits its published schema, or what is published is not up to
    date."""
    from lineal_schemas.asyncapi import FILE, committed_file, published, stale
    from lineal_schemas.export import committed_folder, read_folder
    from lineal_schemas.export import export as schemas
    from lineal_schemas.history import Problem
    from lineal_schemas.history import check as problems_of

    current = schemas()
    problems = problems_of(read_folder(committed_folder()), current)
    file = committed_file()
    if message := stale(file.read_bytes() if file.is_file() else None, published(current)):
        problems.append(Problem(FILE, "stale", message))
    if as_json:
        listed = [dataclasses.asdict(problem) for problem in problems]
        typer.echo(json.dumps({"ok": not problems, "problems": listed}))
    else:
        for problem in problems:
            typer.echo(f"{problem.kind}: {problem.schema}: {problem.message}", err=True)
        if any(problem.kind == "stale" for problem in problems):
            typer.echo("Run `lineal schema export` and commit schemas/.", err=True)
        if not problems:
            typer.echo(f"{len(current)} schemas are compatible and up to date")
    if problems:
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    app()
