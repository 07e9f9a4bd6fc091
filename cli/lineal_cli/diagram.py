"""``lineal diagram``: searches diagrams by use case and services, and corrects them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal_schemas.diagrams import DiagramCorrected

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Diagrams of architectures: search by use case and services, show, correct.",
)
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="Of the image.")]


@app.command()
def search(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]", help="A use case, as pages speak of it."),
    ] = None,
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="Diagrams that show it (lambda, 'Amazon S3'); of several, all.",
        ),
    ] = None,
    score: Annotated[
        int, typer.Option("--score", min=0, max=100, help="Of a service that counts.")
    ] = 40,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find diagrams by what pages say of them and by the services they show."""
    from lineal_catalog.diagrams.search import find_diagrams

    with reading(data) as (connection, _):
        hits = find_diagrams(
            connection, " ".join(text or ()), services or (), min_score=score, limit=limit
        )
    if as_json:
        print_json([{"score": hit.score, **hit.diagram.model_dump(mode="json")} for hit in hits])
        return
    print_table(
        ("image", "page", "services", "said"),
        [
            (hit.diagram.url, hit.diagram.appearances[0].page,
             ", ".join(label.service for label in hit.diagram.labels),
             hit.diagram.appearances[0].caption or hit.diagram.appearances[0].alt)
            for hit in hits
        ],
        empty="No diagram is like this: `lineal crawl URL` finds some, and `lineal run diagrams` "
        "recognises what they show.",
    )  # fmt: skip


@app.command()
def show(url: UrlArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the services of a diagram, with their places, and the pages it stands on."""
    from lineal_catalog.diagrams.search import diagram_at

    with reading(data) as (connection, _):
        found = diagram_at(connection, url)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    typer.echo(f"{found.url}  {found.width} x {found.height} pixels")
    for place in found.appearances:
        typer.echo(f"on {place.page}: {place.caption or place.alt or place.title}")
    print_table(
        ("service", "score", "by", "places"),
        [
            (label.service, str(label.score), label.by,
             "; ".join(",".join(f"{value:.0f}" for value in box) for box in label.boxes))
            for label in found.labels
        ],
        right=frozenset({"score"}),
        empty="No services.",
    )  # fmt: skip


@app.command()
def correct(
    url: UrlArgument,
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service", metavar="NAME", help="One that it shows; of several, each. None: --none."
        ),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="It is no diagram.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which services a diagram shows: your word replaces what was recognised."""
    if bool(services) == none:
        raise typer.BadParameter("name its services by --service NAME, or say --none")
    said = asyncio.run(_correct(existing_data(data), url, services or []))
    if as_json:
        print_json(said.model_dump(mode="json"))
    else:
        typer.echo(f"{said.url}: {', '.join(said.services) or 'no diagram'}")


async def _correct(folder: Path, url: str, services: list[str]) -> DiagramCorrected:
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.diagrams.correction import correct_diagram

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "review")
        try:
            return await correct_diagram(runtime, url, services, by)
        except ValidationError as error:
            raise CommandFailed(error.errors(include_url=False)[0]["msg"]) from error
