"""``lineal model``: lists and shows trained models, promotes them and rolls them back."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.evaluating import evaluate, verdict
from lineal_cli.model_card import card, reproduce
from lineal_cli.model_export import export
from lineal_cli.options import (
    CommandFailed,
    DataOption,
    JsonOption,
    ModelArgument,
    ModelVersionArgument,
    load_settings,
)
from lineal_cli.printing import (
    MODEL_STYLES,
    figure,
    plain,
    print_json,
    print_table,
    recently,
    short_id,
    size,
    when,
)
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal_catalog.models.queries import ModelInfo

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Trained models: list, show, train, evaluate, promote, and go back.",
)

WaitOption = Annotated[
    float | None,
    typer.Option(
        "--wait", metavar="SECONDS", help="Wait for the outcome so long; a daemon must be running."
    ),
]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="Only this one.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List trained models with their status."""
    from lineal_catalog.models.asked import waiting_for
    from lineal_catalog.models.queries import list_models

    with reading(data) as (connection, _):
        found = list_models(connection, name)
        awaited = None if name is None else waiting_for(connection, name)
    if awaited is not None:
        typer.echo(f"an iteration of {name} waits for: {awaited}", err=True)
    if as_json:
        print_json([_fields(info) for info in found])
        return
    print_table(
        ("model", "version", "status", "algorithm", "trained", "evaluated", "sha256"),
        [
            (
                info.known.name,
                str(info.known.version),
                info.status,
                "" if info.training is None else info.training.algorithm,
                recently(info.known.trained),
                _metrics_text((info.evaluation or {}).get("metrics", {})),
                short_id(info.known.sha256),
            )
            for info in found
        ],
        right=frozenset({"version"}),
        styles=MODEL_STYLES,
        empty="No model was trained yet: `lineal model train MODEL`.",
    )


@app.command()
def show(
    name: ModelArgument,
    version: ModelVersionArgument = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a model: what made it, from what, how it was evaluated and when it was in use."""
    from lineal_catalog.models.promotions import promotions_of
    from lineal_catalog.models.queries import find_model

    with reading(data) as (connection, _):
        info = find_model(connection, name, version)
        history = [
            change
            for change in promotions_of(connection, name)
            if change.sha256 == info.known.sha256
        ]
    if as_json:
        changes = [asdict(change) for change in history]
        print_json({**_fields(info), "changes": changes, "evaluation": info.evaluation,
                    "training": _training(info)})  # fmt: skip
        return
    for line in _lines(info):
        typer.echo(line)
    for change in history:
        act = "promoted" if change.act == "promote" else "gone back to"
        typer.echo(
            f"{act} by {plain(change.actor)}  {when(change.since)}  counter {change.counter}"
        )


@app.command()
def train(
    name: ModelArgument,
    wait: WaitOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for an iteration of the flywheel: a dataset, challengers, and their evaluation."""
    _request(name, wait, data, as_json)


app.command()(evaluate)
app.command()(card)
app.command()(reproduce)
app.command()(export)


@app.command()
def promote(
    name: ModelArgument,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The one to put into use.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a version into use manually, whatever its gates said. Your name is recorded."""
    folder = existing_data(data)
    promoted = asyncio.run(_promote(folder, name, version, reason))
    if as_json:
        print_json(promoted)
    else:
        typer.echo(f"{name} {version} is in use (counter {promoted['counter']})")


async def _promote(folder: Path, name: str, version: int, reason: str | None) -> dict[str, Any]:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.acts import promote as put_in_use
    from lineal_catalog.models.queries import find_model

    async with open_runtime(load_settings(folder)) as runtime:
        info = await runtime.store.read(lambda c: find_model(c, name, version))
        if info.status == "in use":
            raise CommandFailed(f"{name} {version} is in use already")
        promoted = await put_in_use(runtime, info, reason)
    return promoted.model_dump(mode="json")


@app.command()
def rollback(
    name: ModelArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")] = "by hand",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to the version that was in use before. Your name is recorded."""
    change = asyncio.run(_roll_back(existing_data(data), name, reason))
    if as_json:
        print_json(change)
        return
    now, withdrawn = change["model"]["version"], change["withdrawn"]["version"]
    typer.echo(f"{name} {now} is in use again, {withdrawn} is withdrawn "
               f"(counter {change['counter']})")  # fmt: skip


async def _roll_back(folder: Path, name: str, reason: str) -> dict[str, Any]:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.acts import roll_back

    async with open_runtime(load_settings(folder)) as runtime:
        change = await roll_back(runtime, name, reason)
    return change.model_dump(mode="json")


def _request(name: str, wait: float | None, data: Path | None, as_json: bool) -> None:
    asked = asyncio.run(_ask(existing_data(data), name, wait))
    if as_json:
        print_json(asked)
        return
    if wait is None:
        typer.echo(
            f"asked for an iteration of {name}: `lineal model list {name}` shows its outcome, or "
            "what it waits for"
        )
        return
    dataset = asked["dataset"]
    typer.echo(f"iteration {dataset['iteration']}: {dataset['case'].replace('_', ' ')}, "
               f"{dataset['train_items']} to learn from, {dataset['test_items']} to evaluate on, "
               f"{dataset['quarantined_items']} quarantined")  # fmt: skip
    for item in asked["evaluated"]:
        typer.echo(f"version {item['model']['version']}: "
                   f"{verdict(item)}  {_metrics_text(item['metrics'])}")  # fmt: skip


async def _ask(folder: Path, name: str, wait: float | None) -> dict[str, Any]:
    from lineal.runtime import open_runtime
    from lineal_cli.iteration import check_known, outcome_of, request_iteration

    async with open_runtime(load_settings(folder)) as runtime:
        await check_known(runtime, name)
        identifier = await request_iteration(runtime, name)
        if wait is None:
            return {"event": identifier}
        return {"event": identifier, **await outcome_of(runtime, name, identifier, wait)}


def _fields(info: ModelInfo) -> dict[str, Any]:
    return {
        "model": info.known.name,
        "version": info.known.version,
        "status": info.status,
        "sha256": info.known.sha256,
        "algorithm": None if info.training is None else info.training.algorithm,
        "trained": info.known.trained,
        "dataset": None if info.training is None else info.training.dataset,
        "metrics": (info.evaluation or {}).get("metrics", {}),
    }


def _training(info: ModelInfo) -> Any:
    return None if info.training is None else info.training.model_dump(mode="json")


def _lines(info: ModelInfo) -> list[str]:
    known, training = info.known, info.training
    lines = [f"{known.name} {known.version}  {info.status}  {known.sha256}"]
    if training is None:
        return [*lines, "what is known of its training was erased"]
    made = training.provenance
    lines += [
        f"{training.algorithm}, iteration {training.iteration}, trained {when(known.trained)}, "
        f"{size(training.artifact.bytes)}",
        f"dataset {training.dataset}",
        f"code {made.code_sha256[:12]}  lockfile {(made.lockfile_sha256 or 'none')[:12]}  "
        f"Python {made.python}  {made.platform}  {made.threads} thread(s)  "
        + " ".join(f"{key} {value}" for key, value in made.seeds.items()),
        "libraries " + " ".join(f"{key} {value}" for key, value in made.libraries.items()),
    ]
    if training.threshold is not None:
        lines.append(
            f"threshold {training.threshold:.6g} for a false-alarm rate of "
            f"{training.false_alarm_rate:g}"
        )
    if info.evaluation is not None:
        lines.append(
            f"evaluated: {verdict(info.evaluation)}  {_metrics_text(info.evaluation['metrics'])}"
        )
    return lines


def _metrics_text(metrics: dict[str, float]) -> str:
    return " ".join(f"{key}={figure(value)}" for key, value in metrics.items())
