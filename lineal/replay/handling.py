"""Handling what a replay takes, in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from lineal.bus.protocol import Selection, Settlement
from lineal.replay.events import events_of
from lineal.replay.subscription import ReplaySubscription
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.runner import StageRunner
from lineal.stages.services import Workers
from lineal.stages.state import ReplayedState

_TIMES_PREFETCH = 4
"""Nobody waits for one event of a replay: the larger its batches the sooner all of it is done."""

Count = Callable[[Mapping[str, int]], None]
"""Is told how many events came to which outcome."""


async def handle_again(
    runtime: Runtime, stage: Stage, selection: Selection, workers: Workers, count: Count
) -> None:
    """Handle the events of a selection.

    Raises:
        Exception: they could not be read to their end; those that were read are handled.
    """
    state = ReplayedState()
    bound = runtime.bind(stage, workers, replayed=state)
    events = events_of(runtime.bus, stage, selection)
    subscription = ReplaySubscription(runtime.bus, bound, events, state, count)
    settings = runtime.settings.runner()
    runner = StageRunner(
        bound,
        subscription,
        replace(settings, prefetch=_TIMES_PREFETCH * settings.prefetch),
        on_settled=lambda settlements: count(Counter(map(_outcome, settlements))),
    )
    running = asyncio.create_task(runner.run())
    finished = asyncio.create_task(subscription.finished.wait())
    await asyncio.wait((running, finished), return_when=asyncio.FIRST_COMPLETED)
    finished.cancel()
    runner.stop()
    await running
    if subscription.problem is not None:
        raise subscription.problem


def _outcome(settlement: Settlement) -> str:
    # Without a record: the part of a whole that is not complete yet. It has been taken in.
    outcome = "done" if settlement.record is None else settlement.record.steps[-1].outcome
    return "done" if outcome == "skipped" else outcome
