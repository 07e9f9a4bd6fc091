"""``lineal regions``: sends jobs to regions and gathers the answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import FAILED, CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineal.settings import Settings
    from lineal_producers.regions.coordinator import RunSettings
    from lineal_producers.regions.manifest import Manifest
    from lineal_producers.regions.run_state import JobState

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Regions: send the jobs of a manifest to them, and gather the answers.",
)


@app.callback()
def _group() -> None:
    """Keeps `run` a command of its own."""


@app.command()
def run(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="JSON lines, one job a line.")
    ],
    away: Annotated[
        float,
        typer.Option("--away", min=0, help="Seconds after which a silent region counts as away."),
    ] = 60.0,
    answer_seconds: Annotated[
        float,
        typer.Option("--answer-seconds", min=0, help="After so long a job is given to another."),
    ] = 3600.0,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="Of a job, at most.")] = 3,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Jobs that a region has at a time.")
    ] = 1,
    name: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="NAME", help="Names the run; the manifest's digest unless given."
        ),
    ] = None,
    as_operator: Annotated[
        bool, typer.Option("--as-operator", help="Send also what lineal makes itself.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send each job of a manifest to a region, and gather the answers.

    Jobs of a region that is away are given to another one, where the manifest has it so; the
    first answer counts. Interrupted, the same command goes on where it was. With --json, prints
    the answers when all are in.
    """
    from lineal_producers.regions.coordinator import RunSettings
    from lineal_producers.regions.manifest import read_manifest
    from lineal_producers.regions.manifest_runs import PREFIX
    from lineal_producers.regions.settings import RegionSettings

    settings = load_settings(data)
    regions = settings.section(RegionSettings)
    found = read_manifest(manifest.read_text(), regions.names, name)
    if found.run.startswith(PREFIX):
        raise CommandFailed(
            f"{found.run!r} begins as the runs do that are sent to POST /regions/runs: "
            "name it otherwise"
        )
    chosen = RunSettings(
        away_seconds=away, answer_seconds=answer_seconds, attempts=attempts, parallel=parallel
    )
    states = asyncio.run(
        _run(
            settings, found, chosen, as_operator, lambda line: typer.echo(plain(line), err=as_json)
        )
    )
    done = sum(state.done is not None for state in states)
    if as_json:
        print_json({"run": found.run, "jobs": [_fields(state) for state in states]})
    else:
        typer.echo(f"run {found.run}: {done} of {count_of(len(states), 'job')} done")
    if done < len(states):
        raise typer.Exit(FAILED)


def _fields(state: JobState) -> dict[str, Any]:
    ended = state.done or state.failed
    fields: dict[str, Any] = {"job": state.job.id, "attempts": len(state.attempts)}
    if ended is not None:
        fields |= {"region": ended.region}
    if state.done is not None:
        fields |= {"data": state.done.data, "event_id": state.done.event_id}
    if state.failed is not None:
        fields |= {"reason": state.failed.reason}
    return fields


async def _run(
    settings: Settings,
    manifest: Manifest,
    chosen: RunSettings,
    as_operator: bool,
    report: Callable[[str], None],
) -> list[JobState]:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_producers.admission_policies import EMIT, OPERATOR
    from lineal_producers.process_lock import ProcessLock
    from lineal_producers.regions.coordinator import Coordinator
    from lineal_producers.regions.job_events import JobEvents
    from lineal_producers.regions.region import open_region
    from lineal_producers.regions.run_state import read_run
    from lineal_producers.regions.settings import RegionSettings

    regions = settings.section(RegionSettings)
    async with open_runtime(settings) as runtime:
        sender = await require_acting(runtime.store, "manage" if as_operator else "publish")
        lock = ProcessLock(runtime.settings.data / "regions.lock")
        if not lock.acquire():
            raise CommandFailed("another process runs a manifest here: wait until it ends")
        try:
            async with open_region(settings, regions.here, runtime) as home:
                events = JobEvents(manifest.run, home, sender, OPERATOR if as_operator else EMIT)
                for job in manifest.jobs:
                    events.event_for_region(job, 1)
                await Coordinator(runtime, manifest, events, regions.names, chosen, report).run()
            await runtime.flush_ledger()
            return list((await read_run(runtime, manifest)).values())
        finally:
            lock.release()
