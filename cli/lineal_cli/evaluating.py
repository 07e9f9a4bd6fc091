"""``lineal model evaluate``: evaluates a model again, or shows its last evaluation."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from lineal_cli.options import (
    CommandFailed,
    DataOption,
    JsonOption,
    ModelArgument,
    ModelVersionArgument,
    load_settings,
)
from lineal_cli.printing import MODEL_STYLES, console, figure, print_json, print_table
from lineal_cli.reading import existing_data, reading


def evaluate(
    name: ModelArgument,
    version: ModelVersionArgument = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Evaluate nothing: show how it was evaluated last.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            help="Wait for the outcome so long; a daemon must be running.",
        ),
    ] = 60,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate a model again, and the one in use, on the frozen test data; gate by gate.

    The outcome is recorded, and promotes nothing.
    """
    if recorded:
        version, found = _recorded(data, name, version)
    else:
        version, found = asyncio.run(
            _evaluated(existing_data(data), name, version, wait, quiet=as_json)
        )
    if as_json:
        print_json(found)
        return
    if found is None:
        raise CommandFailed(f"{name} {version} was not evaluated yet")
    typer.echo(f"{name} {version}  {verdict(found)}  dataset {found['dataset'][:12]}")
    champion = found.get("champion_metrics") or {}
    rows = [
        (key, figure(value), figure(champion.get(key))) for key, value in found["metrics"].items()
    ]
    print_table(("figure", "challenger", "champion"), rows, right=frozenset({"challenger"}))
    gates = [
        (gate["name"], figure(gate["value"]), gate["rule"].replace("_", " "),
         figure(gate["limit"]), "passed" if gate["passed"] else "failed")
        for gate in found["gates"]
    ]  # fmt: skip
    print_table(("gate", "value", "rule", "limit", "outcome"), gates, styles=MODEL_STYLES)


def verdict(evaluation: dict[str, Any]) -> str:
    """The outcome of an evaluation in a word: a champion that was evaluated itself neither passed
    nor failed, since it is in use already."""
    from lineal_schemas.models import ModelEvaluated

    if ModelEvaluated.model_validate(evaluation).of_champion:
        return "champion"
    return "passed" if evaluation["passed"] else "failed"


def _recorded(
    data: Path | None, name: str, version: int | None
) -> tuple[int, dict[str, Any] | None]:
    from lineal_catalog.models.queries import find_model

    with reading(data) as (connection, _):
        info = find_model(connection, name, version)
    return info.known.version, info.evaluation


async def _evaluated(
    folder: Path, name: str, version: int | None, seconds: float, *, quiet: bool
) -> tuple[int, dict[str, Any]]:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.queries import find_model
    from lineal_cli.iteration import evaluation_of, request_iteration
    from lineal_schemas.models import EvaluationTarget

    async with open_runtime(load_settings(folder)) as runtime:
        info = await runtime.store.read(lambda c: find_model(c, name, version))
        version, training = info.known.version, info.training
        if training is None:
            raise CommandFailed(f"{name} {version} was erased: there is nothing left to evaluate")
        target = EvaluationTarget(
            model=training.model, artifact=training.artifact, iteration=training.iteration
        )
        with _waiting(f"evaluating {name} {version}, for up to {seconds:g} s", quiet=quiet):
            asked = await request_iteration(runtime, name, target)
            evaluated = await evaluation_of(runtime, name, asked, seconds)
    return version, evaluated.model_dump(mode="json")


@contextlib.contextmanager
def _waiting(what: str, *, quiet: bool) -> Iterator[None]:
    """Tell on standard error what is waited for; on a terminal, for how long already."""
    if quiet or not sys.stderr.isatty():
        if not quiet:
            typer.echo(what, err=True)
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield
