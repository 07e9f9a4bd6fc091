"""Runs a replay, in one process or in several that share its partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lineal.bus.protocol import Selection
from lineal.effects.records import lineage_records
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.record import StepEntry, record_of
from lineal.replay.handling import Count, replay_events
from lineal.replay.plan import ReplayPlan
from lineal.replay.processes import Processes, Share, import_path
from lineal.runtime import Runtime
from lineal.stages.services import Workers
from lineal_schemas.envelope import now_us


async def run_replay(
    runtime: Runtime,
    plan: ReplayPlan,
    workers: Workers,
    progress: Count,
    *,
    processes: Processes | None = None,
    actor: str | None = None,
) -> None:
    """Handle the planned events; ``progress`` is called with the number of events by outcome.
    Outputs go to the live topics, where the following stages handle them. The replay itself is
    recorded in the ledger.

    Args:
        processes: those that may share it, as it was planned with them.
        actor: who asked for it; None: whoever runs this process.

    Raises:
        WorkerCrashed: one of the processes died; what the others had is handled.
        Exception: the events could not be read to their end; what was read is handled, and on
            record.
    """
    handled = 0

    def count(outcomes: Mapping[str, int]) -> None:
        nonlocal handled
        handled += sum(outcomes.values())
        progress(outcomes)

    started = now_us()
    problem = None
    if plan.events:
        problem = await _handle(runtime, plan, workers, count, processes or Processes(1))
    entry = StepEntry(
        f"stage:{plan.stage.name}",
        started,
        now_us() - started,
        kind="replay",
        outcome="done" if problem is None else "failed",
        error=None if problem is None else type(problem).__name__,
        attributes={"events": handled, "stage": plan.stage.name, "version": plan.stage.version},
    )
    record = record_of(entry, build=None, actor=actor or acting_user(), worker=this_worker())
    await runtime.committer.publish((), lineage_records([record]))
    if problem is not None:
        raise problem


async def _handle(
    runtime: Runtime, plan: ReplayPlan, workers: Workers, count: Count, processes: Processes
) -> Exception | None:
    """Handle the planned events; returns what kept it from handling all of them."""
    own, others = _shares(runtime, plan, processes)
    results = await asyncio.gather(
        replay_events(runtime, plan.stage, own, workers, count),
        *(processes.handle(share, count) for share in others),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, Exception):
            return result
        if isinstance(result, BaseException):
            raise result
    return None


def _shares(
    runtime: Runtime, plan: ReplayPlan, processes: Processes
) -> tuple[Selection, Sequence[Share]]:
    """What this process takes, and each of the others."""
    whole = plan.selection
    number = processes.share_count(plan.events, plan.partitions)
    if number < 2:
        return whole, ()
    place = import_path(plan.stage)
    assert place is not None, "partitions are not shared where another process cannot find it"
    own, *others = [
        replace(whole, partitions=frozenset(range(first, plan.partitions, number)))
        for first in range(number)
    ]
    workers = max(1, runtime.settings.workers // number)
    settings = runtime.settings.model_copy(update={"workers": workers})
    return own, [Share(settings, place, other) for other in others]
