"""``lineal class``: classes of documents, taught by examples."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.idle_stages import idle_stages_running
from lineal_cli.options import CommandFailed, DataOption, JsonOption, data_folder, load_settings
from lineal_cli.printing import count_of, plain, print_json, print_table
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_catalog.classes.queries import TaughtClass

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Classes of documents: teach them by examples, and list them.",
)
_SOURCE = "lineal:cli/class"
_FLYWHEEL = ("retrain", "retrain.train", "retrain.evaluate", "retrain.promote")
"""The stages that learn."""


@app.command()
def teach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the class.")],
    examples: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DOC...", help="Files and folders, and documents by id or name."
        ),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach a class by examples; five suffice to begin.

    Files are put on the bus and read first, here where no `lineal up` does it.
    `lineal class learn` learns what was taught.
    """
    if not name.strip() or len(name) > 100:
        raise typer.BadParameter("a class has a name of at most 100 characters")
    paths = [Path(each) for each in examples if Path(each).exists()]
    settings = load_settings(data_folder(data) if paths else existing_data(data))
    from lineal_cli.lifetime import run_in_loop

    known = [each for each in examples if not Path(each).exists()]
    taught, failed = run_in_loop(_teach(settings, name.strip(), paths, known, quiet=as_json))
    if as_json:
        print_json({"class": name, "taught": taught, "failed": failed})
    else:
        typer.echo(f"taught {plain(name)} by {count_of(len(taught), 'document')}")
        for line in failed:
            typer.echo(f"not learnt from: {line}", err=True)
    if failed:
        raise typer.Exit(1)


async def _teach(
    settings: Settings, name: str, paths: list[Path], known: list[str], *, quiet: bool
) -> tuple[list[str], list[str]]:
    """The ids of the documents that are examples now, and what is none, and why."""
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.classes.teaching import NotRead, teach
    from lineal_catalog.documents.queries import find_document
    from lineal_cli.put import files_in, put_files

    failed: list[str] = []
    chosen: list[str] = []
    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "review")
        await runtime.flush_ledger()
        for wanted in known:
            info = await runtime.store.read(lambda c, w=wanted: find_document(c, w))  # type: ignore[misc]
            chosen.append(info.document_id)
    if paths:
        found = list(files_in(paths, settings.data.resolve()))
        for status in await put_files(settings, found, None, {}, True, quiet, failed):
            if status.status == "indexed":
                chosen.append(status.document_id)
            else:
                failed.append(f"{status.name}: {status.status} {status.reason or ''}".rstrip())
    taught: list[str] = []
    async with open_runtime(settings) as runtime:
        await runtime.flush_ledger()
        for document_id in dict.fromkeys(chosen):
            try:
                await teach(runtime, {document_id: name}, by, _SOURCE)
            except NotRead as error:
                failed.append(str(error))
            else:
                taught.append(document_id)
    if not taught and not failed:
        raise CommandFailed("there is no file in there to learn from")
    return taught, failed


@app.command()
def forget(
    documents: Annotated[
        list[str], typer.Argument(metavar="DOC...", help="Documents by id or name.")
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget that documents are examples; the next `lineal class learn` learns without them."""
    forgotten = asyncio.run(_forget(existing_data(data), documents))
    if as_json:
        print_json({"forgotten": forgotten})
    else:
        typer.echo(f"{count_of(len(forgotten), 'document')} no example any more")


async def _forget(folder: Path, documents: list[str]) -> list[str]:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.classes.teaching import NoExample, forget
    from lineal_catalog.documents.queries import find_document

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "review")
        await runtime.flush_ledger()
        chosen = []
        for wanted in documents:
            info = await runtime.store.read(lambda c, w=wanted: find_document(c, w))  # type: ignore[misc]
            chosen.append(info.document_id)
        try:
            await forget(runtime, chosen, by, _SOURCE)
        except NoExample as error:
            raise CommandFailed(str(error)) from error
        return chosen


@app.command()
def learn(
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for it.")
    ] = 600,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn what was taught, here where no `lineal up` does it.

    An iteration of the flywheel of the model `documents`: what is learnt is evaluated on a frozen
    part of the examples, beside the model in use, and goes into use if it passes its gates.
    """
    settings = load_settings(existing_data(data))
    from lineal_cli.lifetime import run_in_loop

    outcome, classes = run_in_loop(_learn(settings, wait))
    if as_json:
        print_json(outcome)
        return
    dataset = outcome["dataset"]
    if dataset["case"] == "nothing_new":
        typer.echo("nothing is learnt: too few documents were taught since the last time")
    for item in outcome["evaluated"]:
        metrics = item["metrics"]
        said = ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())
        typer.echo(
            f"version {item['model']['version']}: {'passed' if item['passed'] else 'failed'} "
            f"with {said}; {dataset['train_items']} documents of "
            f"{classes} classes were learnt from"
        )


async def _learn(settings: Settings, seconds: float) -> tuple[dict[str, Any], int]:
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_catalog.classes.queries import MODEL, list_classes
    from lineal_cli.iteration import outcome_of, request_iteration
    from lineal_schemas.models import ExpectedExamples

    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        await runtime.flush_ledger()
        classes = await list_classes(runtime)
        taught = sum(each.examples for each in classes)
        if sum(each.examples > 1 for each in classes) < 2:
            raise CommandFailed(
                "there have to be at least two classes, each taught by two documents or more: "
                "`lineal class teach NAME FILE...`"
            )
        event = await request_iteration(
            runtime, MODEL, examples=ExpectedExamples(count=taught, time_us=0)
        )
        async with idle_stages_running(runtime, _FLYWHEEL):
            return await outcome_of(runtime, MODEL, event, seconds), len(classes)


@app.command("list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the classes, their examples, and what the model in use has learnt."""
    found = asyncio.run(_list(existing_data(data)))
    if as_json:
        print_json([_fields(each) for each in found])
        return
    print_table(
        ("class", "examples", "learnt", "evaluated", "model"),
        [
            (
                plain(each.name), str(each.examples), str(each.learnt), str(each.evaluated),
                "" if each.model_version is None else f"version {each.model_version}",
            )
            for each in found
        ],
        right=frozenset({"examples", "learnt", "evaluated"}),
        empty="No class was taught yet: `lineal class teach NAME FILE...`.",
    )  # fmt: skip


def _fields(taught: TaughtClass) -> dict[str, Any]:
    return taught.to_dict()


async def _list(folder: Path) -> list[TaughtClass]:
    from lineal.runtime import open_runtime
    from lineal_catalog.classes.queries import list_classes

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        return await list_classes(runtime)
