"""``lineal package``: the documents of a case, what is missing or contradicts, and the risk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json, print_table, recently, short_id
from lineal_cli.reading import existing_data
from lineal_cli.reviewing import as_reviewer

if TYPE_CHECKING:
    from pathlib import Path

    from lineal.runtime import Runtime
    from lineal_catalog.reviews.reviewer import Reviewer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Packages of documents of one case: list and show them, and have them checked.",
)
CaseArgument = Annotated[
    str, typer.Argument(metavar="CASE", help="As LOAN-17; or PACKAGE/CASE where it has several.")
]
_SOURCE = "lineal:cli/package"


@app.command("list")
def list_(
    status: Annotated[
        str | None,
        typer.Option("--status", help="open, incomplete, review, passed or declined."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List packages, the riskiest first."""
    found = asyncio.run(_list(existing_data(data), status))
    if as_json:
        print_json(found)
        return
    print_table(
        ("case", "package", "status", "documents", "missing", "contradictions", "risk", "changed"),
        [
            (one["case"], one["package"], one["status"], str(one["documents"]),
             str(one["missing"]), str(one["contradictions"]),
             "" if one["score"] is None else f"{one['score']:.2f}", recently(one["updated_us"]))
            for one in found
        ],
        right=frozenset({"documents", "missing", "contradictions", "risk"}),
        empty="There are no packages: docs/packages.md says how one is declared.",
    )  # fmt: skip


async def _list(folder: Path, status: str | None) -> list[dict[str, Any]]:
    from lineal.runtime import open_runtime
    from lineal_catalog.packages.queries import list_packages

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        return [
            one.to_dict() for one in await runtime.store.read(lambda c: list_packages(c, status))
        ]


@app.command()
def show(case: CaseArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show a package: its documents, what is missing, what contradicts, and its risk."""

    async def ask(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.packages.queries import show_package

        return await show_package(runtime, case, who.names)

    found = as_reviewer(data, ask)
    if as_json:
        print_json(found)
        return
    score = "" if found["score"] is None else f", risk {found['score']:.2f}"
    typer.echo(f"{found['package']}/{found['case']}: {found['status']}{score}")
    print_table(
        ("document", "name", "class", "counts"),
        [
            (short_id(one["document_id"]), plain(one["name"] or ""), one["document_class"],
             one["why_not"] or "yes")
            for one in found["documents"]
        ],
        empty="It has no documents.",
    )  # fmt: skip
    for part in found["missing"]:
        what = part["document_class"]
        if part["field"] is not None:
            what = f"{what}.{part['field']} of {short_id(part['document_id'])}"
        if part["pages"]:
            numbers = ", ".join(map(str, part["pages"]))
            what = f"of {what} {short_id(part['document_id'])}"
            typer.echo(f"missing: page{'s' if part['count'] > 1 else ''} {numbers} {what}")
        else:
            typer.echo(f"missing: {part['count']} {what}")
    for broken in found["contradictions"]:
        typer.echo(f"contradiction: {broken['rule']}: {broken['reason']}")
        for place in broken["places"]:
            page = "" if place["box"] is None else f" page {place['box']['page']}"
            value = "not there any more" if place["value"] is None else plain(place["value"])
            where = f"{short_id(place['document_id'])} {place['document_class']}.{place['field']}"
            typer.echo(f"  {where}{page}: {value}")
    for reason in found["reasons"]:
        typer.echo(f"risk {reason['weight']:.2f}: {reason['reason']}")


@app.command()
def check(
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="As LOAN-17; without it, all.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have packages checked as they stand now: after their file has changed."""

    async def ask(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.packages.queries import find_package, list_packages
        from lineal_catalog.packages.requests import request_checks

        who.by.require("review")
        if case is None:
            found = await runtime.store.read(list_packages)
        else:
            found = [await runtime.store.read(lambda c: find_package(c, case))]
        names = [(one.package, one.case) for one in found]
        return {"requested": await request_checks(runtime, names, who.by, _SOURCE)}

    made = as_reviewer(data, ask)
    if as_json:
        print_json(made)
    else:
        asked = count_of(made["requested"], "package")
        typer.echo(f"asked for {asked}; checked where `lineal up` or `lineal run packages` runs")
