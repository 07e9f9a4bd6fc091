"""``lineal new``: makes a package of one's own, with its entry points and its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, JsonOption, split_list
from lineal_cli.package_template import PARTS, name_problem, needed_parts, write_package
from lineal_cli.printing import print_json

_DEFAULT = ("events", "stages")


def new(
    package: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE", help="Its name: small letters and digits, words joined by -."
        ),
    ],
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="PART,...",
            help=f"What it brings: {', '.join(PARTS)}; what these need comes along; "
            f"{','.join(_DEFAULT)}.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--in", metavar="DIR", help="Where its folder is made; here."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a package of your own: events, stages and more, with its tests."""
    wanted = split_list(parts or _DEFAULT)
    if unknown := sorted(set(wanted) - PARTS.keys()):
        raise typer.BadParameter(
            f"{', '.join(unknown)}: there are {', '.join(PARTS)}", param_hint="--with"
        )
    if problem := name_problem(package):
        raise typer.BadParameter(problem, param_hint="PACKAGE")
    target = (folder or Path()) / package
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CommandFailed(f"{target} is there already: name another package, or move it away")
    made = needed_parts(wanted)
    files = write_package(target, package, made)
    if as_json:
        print_json({"package": package, "folder": str(target), "parts": made, "files": files})
        return
    for file in files:
        typer.echo(target / file)
    typer.echo(
        f"\ncd {target} && pip install -e '.[test]' && pytest, then `lineal up` runs it; "
        "README.md says the rest.",
        err=True,
    )
