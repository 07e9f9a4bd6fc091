"""``lineal serving``: shows how models are served, and pauses, resumes or aborts rollouts."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, ModelArgument, load_settings
from lineal_cli.printing import plain, print_json, print_table, recently
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal_catalog.serving.queries import Serving

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Models that are served: status, and pause, resume or abort a rollout.",
)
_SOURCE = "lineal:cli/serving"
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; it is kept.")]


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="Only this one.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which versions answer, and what has happened to them."""
    from lineal_catalog.serving.queries import list_serving, serving_steps

    with reading(data) as (connection, _):
        found = [one for one in list_serving(connection) if name in (None, one.name)]
        steps = [] if name is None else serving_steps(connection, name)
    if as_json:
        print_json({
            "models": [asdict(one) | {"share": one.share} for one in found],
            "steps": [step._asdict() for step in steps],
        })  # fmt: skip
        return
    print_table(
        ("model", "answers", "tried", "phase", "share", "since"),
        [_row(one) for one in found],
        right=frozenset({"answers", "tried", "share"}),
        empty="No model is served yet: `lineal serve MODEL`.",
    )
    if steps:
        typer.echo("")
    for step in reversed(steps):
        reason = f": {plain(step.reason)}" if step.reason else ""
        what = step.what.replace("_", " ")
        typer.echo(f"{recently(step.at)}  version {step.version} {what}{reason}")


def _row(one: Serving) -> tuple[str, ...]:
    phase = f"{one.phase}, paused" if one.paused else one.phase
    stable = "" if one.stable is None else str(one.stable.version)
    candidate = "" if one.candidate is None else str(one.candidate.version)
    share = f"{one.share:.0%}" if one.candidate is not None else ""
    return one.name, stable, candidate, phase, share, recently(one.since)


@app.command()
def pause(name: ModelArgument, reason: ReasonOption = None, data: DataOption = None) -> None:
    """Have the version that is tried keep its share; it can still be rolled back."""
    _control("pause", name, reason, data)


@app.command()
def resume(name: ModelArgument, data: DataOption = None) -> None:
    """Go on with a paused rollout."""
    _control("resume", name, None, data)


@app.command()
def abort(name: ModelArgument, reason: ReasonOption = None, data: DataOption = None) -> None:
    """Have the version before answer everything again, at once."""
    _control("abort", name, reason, data)


def _control(
    action: Literal["pause", "resume", "abort"], name: str, reason: str | None, data: Path | None
) -> None:
    asyncio.run(_publish(existing_data(data), action, name, reason))
    typer.echo(f"asked to {action} the rollout of {name}: `lineal serving status {name}`")


async def _publish(folder: Path, action: Any, name: str, reason: str | None) -> None:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.serving.control import NoRollout, control_serving

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "deploy")
        try:
            await control_serving(runtime, name, action, reason, by, _SOURCE)
        except NoRollout as error:
            raise CommandFailed(str(error)) from error
