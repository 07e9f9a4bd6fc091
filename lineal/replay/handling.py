"""Handles the events of a replay in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lineal.bus.erased_event import ERASED_REASON
from lineal.bus.protocol import Selection
from lineal.committing import Committer, TransactionCommitter
from lineal.replay.events import events_of
from lineal.replay.source import READ_BATCH_SIZE, BoundedSource
from lineal.runtime import Runtime
from lineal.stages.artifacts_in_use import ArtifactSource
from lineal.stages.declaration import Stage
from lineal.stages.result import StepResult
from lineal.stages.runner import StageRunner
from lineal.stages.services import Workers
from lineal.stages.state import ReplayedState

_PREFETCH_FACTOR = 4
"""Nobody waits for one event of a replay: the larger its batches the sooner all of it is done."""

Count = Callable[[Mapping[str, int]], None]
"""Called with the number of events by outcome: that of their steps, and ``erased`` for events that
were left out because their subject was erased."""


async def replay_events(
    runtime: Runtime,
    stage: Stage,
    selection: Selection,
    workers: Workers,
    count: Count,
    *,
    read_batch_size: int = READ_BATCH_SIZE,
    committer: Committer | None = None,
    artifacts: Sequence[ArtifactSource] | None = None,
) -> None:
    """Handle the events of a selection.

    Args:
        committer: what makes outputs and effects durable; the runtime's unless given.
        artifacts: what answers which artifacts are in use; the installed sources unless given.

    Raises:
        Exception: they could not be read to their end; those that were read are handled.
    """
    state = ReplayedState()
    source = BoundedSource(
        committer or runtime.committer,
        stage,
        state,
        events_of(runtime.bus, stage, selection),
        read_batch_size=read_batch_size,
    )
    settings = runtime.settings.runner()
    runner = StageRunner(
        runtime.bind(stage, workers, replayed=state, artifacts=artifacts),
        TransactionCommitter(runtime.bus),
        replace(settings, prefetch=_PREFETCH_FACTOR * settings.prefetch),
        on_committed=lambda results: count(Counter(map(_outcome, results))),
    )
    running = asyncio.create_task(runner.run(source))
    finished = asyncio.create_task(source.finished.wait())
    await asyncio.wait((running, finished), return_when=asyncio.FIRST_COMPLETED)
    finished.cancel()
    runner.stop()
    await running
    if source.problem is not None:
        raise source.problem


def _outcome(result: StepResult) -> str:
    # Without a record: the part of a fan-in group that is not complete yet. It has been kept.
    step = None if result.record is None else result.record.steps[-1]
    if step is None or (step.outcome == "skipped" and step.reason != ERASED_REASON):
        return "done"
    return "erased" if step.outcome == "skipped" else step.outcome
