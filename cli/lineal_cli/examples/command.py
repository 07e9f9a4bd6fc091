"""``lineal examples``: lists them, and runs one."""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from lineal_cli.options import CommandFailed, JsonOption
from lineal_cli.printing import print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Examples that run in an empty folder: list them, and run one.",
)


class Example(NamedTuple):
    """An example before it is imported."""

    name: str
    target: str
    """Module with a function ``show(example)``."""
    summary: str
    afterwards: str = "lineal topics --data {folder}"
    """What to look at next."""


EXAMPLES = (
    Example(
        "photos",
        "lineal_cli.examples.photos",
        "Finds defects on photos, asks a person, and learns from the answer.",
        "lineal model list --data {folder}",
    ),
    Example(
        "customers",
        "lineal_cli.examples.customers",
        "Predicts who will leave and what others will spend, with reasons.",
        "lineal model list --data {folder}",
    ),
    Example(
        "health",
        "lineal_cli.examples.health",
        "De-identifies health records, predicts from them, and finds a planted leak.",
        "lineal model list --data {folder}",
    ),
    Example(
        "meaning",
        "lineal_cli.examples.meaning",
        "Finds paragraphs by what they mean, and quotes the sentences that answer.",
    ),
    Example(
        "match",
        "lineal_cli.examples.match",
        "Finds sentences of a note that say the same, and none that denies it.",
    ),
    Example(
        "diagrams",
        "lineal_cli.examples.diagrams",
        "Crawls a web site, and finds diagrams by the services they show.",
    ),
    Example(
        "notes",
        "lineal_cli.examples.notes",
        "Makes a graph of what health notes mention, and asks it whose do and whose do not.",
    ),
    Example(
        "sweep",
        "lineal_cli.examples.sweep",
        "Tries many settings of a model side by side, and prunes the weak ones.",
        "lineal model list --data {folder}",
    ),
    Example(
        "restyle",
        "lineal_cli.examples.restyle",
        "Finds things on pictures by their colour or a box, and removes or repaints them.",
    ),
    Example(
        "serving",
        "lineal_cli.examples.serving",
        "Has a model answer over HTTP, a better one take over by shares, and refuses a bad one.",
        "lineal serving status --data {folder}",
    ),
    Example(
        "clicks",
        "lineal_cli.examples.clicks",
        "Finds clicks that robots made, corrects a verdict, and learns from labelled visits.",
    ),
    Example(
        "conversation",
        "lineal_cli.examples.conversation",
        "Talks with a surgery: asks, confirms, goes on later, and learns from people.",
    ),
    Example(
        "transcribe",
        "lineal_cli.examples.transcribe",
        "Transcribes a call of two people while it goes on; numbers are not shown.",
    ),
    Example(
        "articles",
        "lineal_cli.examples.articles",
        "Reads an article aloud, and after a change only what has changed.",
    ),
    Example(
        "regions",
        "lineal_cli.examples.regions",
        "Does jobs in regions, elsewhere when one is killed, and links their buses.",
        "lineal topics --data {folder}/rome",
    ),
    Example(
        "packages",
        "lineal_cli.examples.packages",
        "Gathers a loan of twelve documents, finds a contradiction and a missing page.",
        "lineal package list --data {folder}",
    ),
    Example(
        "slides",
        "lineal_cli.examples.slides",
        "Cuts a slide of 268 million pixels into tiles, scores them, and finds planted lesions.",
    ),
)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the examples."""
    if as_json:
        print_json([{"name": one.name, "summary": one.summary} for one in EXAMPLES])
        return
    print_table(("example", "shows"), [(one.name, one.summary) for one in EXAMPLES])


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `lineal examples list` has it.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="Where it works; lineal-example-NAME unless given."
        ),
    ] = None,
) -> None:
    """Run an example: real stages on a bus of its own, in a new folder, which is kept."""
    example = next((one for one in EXAMPLES if one.name == name), None)
    if example is None:
        there_are = ", ".join(one.name for one in EXAMPLES)
        raise CommandFailed(f"there is no example {name!r}; there are: {there_are}")
    folder = folder or Path(f"lineal-example-{name}")
    if folder.exists() and any(folder.iterdir()):
        raise CommandFailed(f"{folder} is there already: remove it, or name another --folder")
    from lineal_cli.examples.example_run import ExampleRun

    begun = time.monotonic()
    shown = asyncio.run(_show(ExampleRun(folder), example.target))
    typer.echo("")
    typer.echo(f"What it showed ({time.monotonic() - begun:.0f} s):")
    for line in shown:
        typer.echo(f"  - {line}")
    typer.echo(f"Its data is in {folder}: try `{example.afterwards.format(folder=folder)}`.")


async def _show(example: object, target: str) -> list[str]:
    from lineal.observability.logging import configure_logging

    configure_logging("error", "console")
    shown: list[str] = await import_module(target).show(example)
    return shown
