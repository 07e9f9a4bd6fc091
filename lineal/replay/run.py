"""Running a replay, by one process or by several that share its partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lineal.bus.protocol import Selection
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.record import Record
from lineal.replay.beside import Share, handle_beside, place_of
from lineal.replay.handling import Count, handle_again
from lineal.replay.plan import ReplayPlan
from lineal.runtime import Runtime
from lineal.stages.services import Workers
from lineal_schemas.envelope import now_us

_LEAST_EVENTS = 10_000
"""For each process: with fewer it would take longer to start than to handle them."""


async def run_replay(
    runtime: Runtime, plan: ReplayPlan, workers: Workers, progress: Count, *, processes: int = 1
) -> None:
    """Handle the planned events; ``progress`` is called with how many came to which outcome.

    What the stage emits goes to the live topics, where the following stages take it up. A record
    of the replay itself is left in the ledger.

    Args:
        processes: how many at most may share it, where bus and stage allow it.

    Raises:
        WorkerCrashed: one of the processes died; what the others had is handled.
        Exception: the events could not be read to their end; what was read is handled, and on
            record.
    """
    settled = 0

    def count(outcomes: Mapping[str, int]) -> None:
        nonlocal settled
        settled += sum(outcomes.values())
        progress(outcomes)

    started = now_us()
    problem = await _handle(runtime, plan, workers, count, processes) if plan.events else None
    record = Record(
        kind="replay",
        root=f"stage:{plan.stage.name}",
        build=None,
        started=started,
        duration=now_us() - started,
        outcome="done" if problem is None else "failed",
        error=None if problem is None else type(problem).__name__,
        actor=acting_user(),
        worker=this_worker(),
        facts={"events": settled, "stage": plan.stage.name, "version": plan.stage.version},
    )
    await runtime.bus.record([record])
    if problem is not None:
        raise problem


async def _handle(
    runtime: Runtime, plan: ReplayPlan, workers: Workers, count: Count, processes: int
) -> Exception | None:
    """Handle the planned events; returns what kept it from handling all of them."""
    own, others = await _shares(runtime, plan, processes)
    results = await asyncio.gather(
        handle_again(runtime, plan.stage, own, workers, count),
        *(handle_beside(share, count) for share in others),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, Exception):
            return result
        if isinstance(result, BaseException):
            raise result
    return None


async def _shares(
    runtime: Runtime, plan: ReplayPlan, processes: int
) -> tuple[Selection, Sequence[Share]]:
    """What this process takes, and each of the others: partitions, so that the order of every key
    is kept.

    One takes all where events have no partitions or are written by one process at a time, where a
    stage has state, which is not of one partition, and where its topics are not partitioned alike.
    """
    stage, whole = plan.stage, plan.selection
    capabilities = runtime.bus.capabilities
    place = place_of(stage)
    processes = min(processes, plan.events // _LEAST_EVENTS)
    if (
        processes < 2
        or not capabilities.partitions
        or capabilities.transactional_store
        or not stage.memo
        or stage.gathers
        or place is None
    ):
        return whole, ()
    topics = {payload.type for payload in stage.inputs}
    counts = {info.partitions for info in await runtime.bus.topics() if info.topic in topics}
    if len(counts) != 1:
        return whole, ()
    (partitions,) = counts
    processes = min(processes, partitions)
    own, *others = [
        replace(whole, partitions=frozenset(range(first, partitions, processes)))
        for first in range(processes)
    ]
    workers = max(1, runtime.settings.workers // processes)
    settings = runtime.settings.model_copy(update={"workers": workers})
    return own, [Share(settings, place, other) for other in others]
