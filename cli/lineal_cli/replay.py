"""``lineal replay``: handles past events again."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.lifetime import run_in_loop
from lineal_cli.options import (
    FAILED,
    CommandFailed,
    DataOption,
    JsonOption,
    load_settings,
)
from lineal_cli.printing import count_of, print_json, print_table
from lineal_cli.reading import existing_data
from lineal_cli.start_positions import SYNTAX, StartPosition, parse_position

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from lineal.bus.protocol import Selection
    from lineal.replay import Processes, ReplayPlan
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal.stages.declaration import Stage

OUTCOMES = ("done", "memoised", "rejected", "failed", "erased")


def replay(
    topic: Annotated[
        str | None, typer.Argument(help="All installed stages that read this topic.")
    ] = None,
    stage: Annotated[str | None, typer.Option(metavar="NAME", help="Only this stage.")] = None,
    start: Annotated[str, typer.Option("--from", metavar="WHERE", help=f"{SYNTAX}.")] = "beginning",
    end: Annotated[
        str, typer.Option("--to", metavar="WHERE", help="The same; not included.")
    ] = "now",
    key: Annotated[str | None, typer.Option(help="Only events of this partition key.")] = None,
    stale: Annotated[
        bool,
        typer.Option(
            "--stale",
            help="Only what another version, code, configuration or model of the stage made.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How many may share the partitions of many events, on Kafka. "
            "As many as there are cores.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the events.")] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Publish nothing: say how outputs would differ from those there are."
        ),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="With --preview: only so many events, the same each time.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME:VERSION",
            help="With --preview: as if this version were in use.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Handle events again: all, some, or what is stale.

    Live stages go on. Outputs of a replayed stage go to the stages after it. Work already done by
    the same code on the same input is not done twice.
    """
    if topic is None and stage is None:
        raise typer.BadParameter("give a topic, or a stage with --stage NAME", param_hint="TOPIC")
    now = time.time_ns() // 1000
    bounds = (parse_position(start, now), parse_position(end, now, "--to"))
    settings = load_settings(existing_data(data))
    stages = _stages(topic, stage)
    if preview:
        from lineal_cli.replay_preview import preview_stages, print_previews

        selection = _selection(*bounds, key)
        previews = run_in_loop(
            preview_stages(settings, stages, selection, stale, sample, model or (), quiet=as_json)
        )
        print_previews(previews, as_json)
        return
    if sample is not None or model:
        raise typer.BadParameter("these are for --preview", param_hint="--sample, --model")
    summary = run_in_loop(
        _replay(settings, stages, _selection(*bounds, key), stale, processes, dry_run, as_json)
    )
    if as_json:
        print_json({"stages": summary, "dry_run": dry_run})
    elif dry_run:
        for row in summary:
            typer.echo(f"{row['stage']}: {count_of(row['events'], 'event')} to be replayed")
    else:
        columns = ("stage", "events", *OUTCOMES)
        rows = [[str(row[column]) for column in columns] for row in summary]
        print_table(columns, rows, right=frozenset(columns[1:]))
    if any(row["failed"] for row in summary):
        typer.echo("Some failed again: `lineal dead list` says why.", err=True)
        raise typer.Exit(FAILED)


def _stages(topic: str | None, name: str | None) -> list[Stage]:
    from lineal.stages.discovery import find_stages, installed_stages

    if name is not None:
        found = find_stages([name])
        read = [payload.type for payload in found[0].inputs]
        if topic is not None and topic not in read:
            raise CommandFailed(
                f"stage {name} does not read {topic} but {' and '.join(read)}: leave one out"
            )
        return found
    found = [
        item
        for item in installed_stages().values()
        if any(payload.type == topic for payload in item.inputs)
    ]
    if not found:
        raise CommandFailed(
            f"no installed stage reads topic {topic}: `lineal stages` lists what they read"
        )
    return found


def _selection(start: StartPosition, end: StartPosition, key: str | None) -> Selection:
    from lineal.bus.protocol import Selection

    if start.now:
        raise typer.BadParameter("a replay looks back", param_hint="--from")
    if end == StartPosition():
        raise typer.BadParameter("nothing is before the beginning", param_hint="--to")
    return Selection(
        from_time=start.time,
        from_offset=start.offset,
        to_time=end.time,
        to_offset=end.offset,
        key=key,
    )


async def _replay(
    settings: Settings,
    stages: Sequence[Stage],
    selection: Selection,
    stale: bool,
    processes: int | None,
    dry_run: bool,
    as_json: bool,
) -> list[dict[str, Any]]:
    from lineal.access.senders import acting_credential
    from lineal.observability.logging import configure_logging
    from lineal.replay import Processes, plan_replay
    from lineal.runtime import open_runtime

    configure_logging("error", settings.log_format)
    most = 1 if dry_run else processes or os.cpu_count() or 1
    async with open_runtime(settings) as runtime, Processes(most) as beside:
        (await runtime.store.read(acting_credential)).require("replay")
        plans = [
            await plan_replay(runtime, item, selection, stale=stale, processes=beside)
            for item in stages
        ]
        counts = [Counter[str]() for _ in plans]
        if not dry_run and any(plan.events for plan in plans):
            await _run(runtime, plans, counts, beside, quiet=as_json)
    return [
        {
            "stage": plan.stage.name,
            "events": plan.events,
            **{outcome: count[outcome] for outcome in OUTCOMES},
        }
        for plan, count in zip(plans, counts, strict=True)
    ]


async def _run(
    runtime: Runtime,
    plans: Sequence[ReplayPlan],
    counts: Sequence[Counter[str]],
    processes: Processes,
    *,
    quiet: bool,
) -> None:
    from rich.progress import Progress

    from lineal.replay import run_replay
    from lineal.workers.pool import worker_pool
    from lineal_cli.printing import console

    workers = worker_pool(runtime.settings)
    workers.start()
    hidden = quiet or not sys.stderr.isatty()
    try:
        with Progress(console=console(stderr=True), disable=hidden, transient=True) as progress:
            for plan, count in zip(plans, counts, strict=True):
                task = progress.add_task(plan.stage.name, total=plan.events)
                counting = _counting(count, progress, task)
                await run_replay(runtime, plan, workers, counting, processes=processes)
    finally:
        await workers.close()


def _counting(
    count: Counter[str], progress: Progress, task: TaskID
) -> Callable[[Mapping[str, int]], None]:
    def handled(outcomes: Mapping[str, int]) -> None:
        count.update(outcomes)
        progress.advance(task, sum(outcomes.values()))

    return handled
