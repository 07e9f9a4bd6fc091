"""``lineal sweep``: tries many settings of a model side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, ModelArgument, load_settings
from lineal_cli.printing import figure, print_json, print_table
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from pathlib import Path

    from lineal_schemas.models import SettingValue
    from lineal_schemas.sweeps import SweepRequested, SweptSetting

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Sweeps: try many settings of a model side by side: start, status, stop.",
)
_SOURCE = "lineal:cli/sweep"
SweepArgument = Annotated[str, typer.Argument(metavar="SWEEP", help="Its id.")]


@app.command()
def start(
    name: ModelArgument,
    vary: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="SETTING=VALUES",
            help="leaves=4,7,15, or rounds=100..800, or rate=0.01..0.1:log; may be given again.",
        ),
    ],
    method: Annotated[
        Literal["grid", "tpe", "random"], typer.Option("--method", help="How settings are chosen.")
    ] = "tpe",
    runs: Annotated[int, typer.Option("--runs", min=1, help="At most so many.")] = 20,
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Side by side.")] = 2,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    iteration: Annotated[
        bool,
        typer.Option(
            "--iteration/--no-iteration",
            help="Have the model learn with the best settings afterwards; its gates decide.",
        ),
    ] = True,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a sweep; a daemon that runs the stages sweep and sweep.run does it."""
    from uuid import uuid4

    from lineal_schemas.envelope import now_us
    from lineal_schemas.sweeps import SweepRequested

    folder = existing_data(data)
    request = SweepRequested(
        sweep_id=uuid4().hex[:12],
        name=name,
        settings=dict(_swept(text) for text in vary),
        method=method,
        runs=runs,
        parallel=parallel,
        seed=seed,
        begins_iteration=iteration,
        by=asyncio.run(_actor(folder)),
        requested_us=now_us(),
    )
    asyncio.run(_publish(folder, request))
    if as_json:
        print_json(request.model_dump(mode="json"))
    else:
        typer.echo(f"asked for sweep {request.sweep_id}: `lineal sweep status {request.sweep_id}`")


def _swept(text: str) -> tuple[str, SweptSetting]:
    from lineal_schemas.sweeps import SweptSetting

    name, found, values = text.partition("=")
    if not found or not values:
        raise typer.BadParameter(f"{text!r} is not SETTING=VALUES", param_hint="--set")
    if ".." not in values:
        return name, SweptSetting(values=tuple(_value(one) for one in values.split(",")))
    span, _, scale = values.partition(":")
    ends = [one for one in map(_value, span.split("..")) if isinstance(one, int | float)]
    if len(ends) != 2 or scale not in ("", "log"):
        raise typer.BadParameter(
            f"{values!r} is no range LOW..HIGH or LOW..HIGH:log", param_hint="--set"
        )
    whole = all(isinstance(one, int) for one in ends)
    return name, SweptSetting(low=ends[0], high=ends[1], whole=whole, log=scale == "log")


def _value(text: str) -> SettingValue:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


@app.command()
def status(sweep: SweepArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the runs of a sweep, and the best when it is over."""
    found = asyncio.run(_status(existing_data(data), sweep))
    if as_json:
        print_json(found)
        return
    print_table(
        ("run", "state", "score", "settings"),
        [
            (str(run["run"]), run["state"], figure(run["score"]),
             " ".join(f"{key}={value}" for key, value in run["values"].items()))
            for run in found["runs"]
        ],
        right=frozenset({"run", "score"}),
        empty="No run has begun: is a daemon running the stages sweep and sweep.run?",
    )  # fmt: skip
    if found["best"] is not None:
        values = " ".join(f"{key} = {value!r}" for key, value in found["best"]["values"].items())
        typer.echo(f"best: run {found['best']['run']}, {figure(found['best']['score'])}: {values}")


async def _status(folder: Path, sweep: str) -> dict[str, Any]:
    from lineal.runtime import open_runtime
    from lineal_catalog.sweeps.sweeps import UnknownSweep, find_sweep

    async with open_runtime(load_settings(folder)) as runtime:
        try:
            found = await find_sweep(runtime, sweep)
        except UnknownSweep as error:
            raise CommandFailed(str(error)) from error
    return {
        "sweep": sweep,
        "model": found.request.name,
        "runs": [
            {"run": run.run, "state": run.state, "values": run.values, "scores": list(run.scores),
             "score": run.score}
            for run in found.runs
        ],
        "best": None if found.best is None else found.best.model_dump(mode="json"),
    }  # fmt: skip


@app.command()
def stop(sweep: SweepArgument, data: DataOption = None) -> None:
    """Begin no further run of a sweep; what runs is finished."""
    asyncio.run(_stop(existing_data(data), sweep))
    typer.echo(f"{sweep} begins no further run")


async def _stop(folder: Path, sweep: str) -> None:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.sweeps.sweeps import UnknownSweep, stop_sweep

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "promote")
        try:
            await stop_sweep(runtime, sweep, by, _SOURCE)
        except UnknownSweep as error:
            raise CommandFailed(str(error)) from error


async def _actor(folder: Path) -> str:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime

    async with open_runtime(load_settings(folder)) as runtime:
        return (await require_acting(runtime.store, "promote")).actor


async def _publish(folder: Path, payload: SweepRequested) -> None:
    from lineal.acts import publish_act
    from lineal.runtime import open_runtime
    from lineal_schemas.ids import arrival_id

    identifier = arrival_id(_SOURCE, payload.sweep_id, payload.type)
    async with open_runtime(load_settings(folder)) as runtime:
        await publish_act(runtime, payload, id=identifier, source=_SOURCE, actor=payload.by)
