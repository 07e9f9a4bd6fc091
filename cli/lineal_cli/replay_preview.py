"""``lineal replay --preview``: how outputs would differ, without publishing anything."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from lineal_cli.options import CommandFailed
from lineal_cli.printing import count_of, plain, print_json, print_table, short_id

if TYPE_CHECKING:
    from lineal.bus.protocol import Selection
    from lineal.replay import ReplayPreview
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal.stages.artifacts_in_use import ArtifactSource
    from lineal.stages.declaration import Stage

_MAX_PRINTED = 10


async def preview_stages(
    settings: Settings,
    stages: Sequence[Stage],
    selection: Selection,
    stale: bool,
    sample: int | None,
    models: Sequence[str],
    *,
    quiet: bool,
) -> list[ReplayPreview]:
    """Run stages over past events beside the live ones, without effect, and compare.

    Raises:
        CommandFailed: a model is not given as NAME:VERSION.
        UnknownModel: there is no such version.
    """
    from rich.progress import Progress

    from lineal.access.senders import acting_credential
    from lineal.observability.logging import configure_logging
    from lineal.replay import plan_replay, preview_replay
    from lineal.runtime import open_runtime
    from lineal.workers.pool import worker_pool
    from lineal_cli.printing import console

    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        (await runtime.store.read(acting_credential)).require("replay")
        artifacts = await _artifacts(runtime, models)
        workers = worker_pool(settings)
        workers.start()
        hidden = quiet or not sys.stderr.isatty()
        previews = []
        try:
            with Progress(console=console(stderr=True), disable=hidden, transient=True) as bar:
                for stage in stages:
                    plan = await plan_replay(runtime, stage, selection, stale=stale)
                    total = plan.events if sample is None else min(plan.events, sample)
                    task = bar.add_task(stage.name, total=total)

                    def handled(outcomes: Mapping[str, int], task: int = task) -> None:
                        bar.advance(task, sum(outcomes.values()))  # type: ignore[arg-type]

                    previews.append(
                        await preview_replay(
                            runtime, plan, workers, handled, sample=sample, artifacts=artifacts
                        )
                    )
        finally:
            await workers.close()
    return previews


async def _artifacts(runtime: Runtime, models: Sequence[str]) -> list[ArtifactSource] | None:
    from lineal_catalog.models.trial import trial_sources

    chosen = []
    for given in models:
        name, colon, version = given.rpartition(":")
        if not colon or not version.isdigit():
            raise CommandFailed(f"{given!r} is no model with its version: say NAME:VERSION")
        chosen.append((name, int(version)))
    return await runtime.store.read(lambda c: trial_sources(c, chosen)) if chosen else None


def print_previews(previews: Sequence[ReplayPreview], as_json: bool) -> None:
    """Say how many outputs would differ, in what, and which to look at."""
    if as_json:
        print_json({"stages": [preview.to_dict() for preview in previews], "preview": True})
        return
    columns = ("stage", "version", "events", "unchanged", "changed", "added", "removed", "failed")
    rows = [[str(getattr(preview, column)) for column in columns] for preview in previews]
    print_table(columns, rows, right=frozenset(columns[2:]))
    for preview in previews:
        for name, count in preview.fields.most_common(_MAX_PRINTED):
            typer.echo(f"{preview.stage}: {plain(name)} differs in {count_of(count, 'output')}")
        for item in preview.examples[:_MAX_PRINTED]:
            typer.echo(f"  {plain(item.subject)}  event {short_id(item.event_id)}")
            if item.problem:
                typer.echo(f"    {plain(item.problem)}")
            for one in item.differences[:3]:
                typer.echo(f"    {plain(one.path)}: {plain(one.old or '-')} -> "
                           f"{plain(one.new or '-')}")  # fmt: skip
    typer.echo("Nothing was published.", err=True)
