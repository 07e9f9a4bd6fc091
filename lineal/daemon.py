"""Stages as a long-lived daemon: their runners, the worker pool, and the keeping of topics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from lineal.effects.sweep import sweep
from lineal.runtime import Runtime
from lineal.side_by_side import all_of
from lineal.stages.dead_letter import dead_letter_topic, redrive_topic
from lineal.stages.declaration import Stage
from lineal.stages.runner import StageRunner
from lineal.stages.timers import TimerClock
from lineal.workers.pool import worker_pool
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

_MAINTENANCE_SECONDS = 60.0
_KEPT_SECONDS = 14 * 86_400
"""How long an event may be handled again whose effects are in the store already."""
_KEPT_SECONDS_ATOMIC = 3_600
"""The same where bus and store share a transaction, and none can be."""


class Daemon:
    """Runs stages until it is stopped."""

    def __init__(self, runtime: Runtime, stages: Sequence[Stage]) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._stages = stages
        self.workers = worker_pool(
            settings, warm_up=tuple(stage.warm_up for stage in stages if stage.warm_up)
        )
        self._runners: dict[str, StageRunner] = {}
        self._running: list[asyncio.Task[None]] = []
        """What drains by itself when its runner is told to stop."""
        self._beside: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join the groups and begin to handle events.

        Raises:
            WrongConfiguration: the settings of a stage do not fit it.
            BusUnavailable, StoreUnavailable: not all groups could be joined; to be stopped all the
                same.
        """
        bound = [self._runtime.bind(stage, self.workers) for stage in self._stages]
        self.workers.start()
        # To the end, also where one fails: who stops us would else close the bus while others are
        # still joining.
        subscriptions = await all_of(
            self._runtime.bus.subscribe(stage.name, stage_topics(stage)) for stage in self._stages
        )
        for stage in self._stages:
            for topic in (dead_letter_topic(stage.name), *(p.type for p in stage.produces)):
                await self._runtime.bus.create_topic(topic)
        for item, subscription in zip(bound, subscriptions, strict=True):
            runner = StageRunner(item, subscription, self._runtime.settings.runner())
            self._runners[item.stage.name] = runner
            self._running.append(asyncio.create_task(runner.run(), name=f"stage {item.stage.name}"))
        if names := [stage.name for stage in self._stages]:
            clock = TimerClock(self._runtime.store, self._runtime.bus, names)
            self._beside.append(asyncio.create_task(clock.run(), name="timers"))
        self._beside.append(asyncio.create_task(self._keep_topics(), name="maintenance"))

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return self._running + self._beside

    @property
    def problems(self) -> list[str]:
        """What keeps the daemon from doing its work; empty when all is well."""
        ended = [f"{task.get_name()} has ended" for task in self._tasks if task.done()]
        return ended + self._runtime.bus.problems

    async def wait(self) -> None:
        """Until a part of the daemon ends by itself, which none should."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Drain: finish what has begun within the budget, hand back the rest."""
        for runner in self._runners.values():
            runner.stop()
        for task in self._beside:
            task.cancel()
        results = await asyncio.gather(*self._running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                log.error("daemon.runner_failed", exc_info=result)
        await self.workers.close()

    async def _keep_topics(self) -> None:
        while True:
            await asyncio.sleep(_MAINTENANCE_SECONDS)
            try:
                await self._runtime.bus.maintain()
                await self._sweep()
            except Exception as error:
                # A full disk, a broker that is away: the next round tries again.
                log.warning("bus.cannot_maintain", error=repr(error))

    async def _sweep(self) -> None:
        """Delete what was kept for events that might be handled again, when none can be."""
        atomic = self._runtime.bus.capabilities.transactional_store
        seconds = _KEPT_SECONDS_ATOMIC if atomic else _KEPT_SECONDS
        older_than = now_us() - seconds * 1_000_000
        await self._runtime.store.write(lambda connection: sweep(connection, older_than))


def stage_topics(stage: Stage) -> list[str]:
    """The topics a stage's group reads: its inputs, and what is redriven to it."""
    return [*(payload.type for payload in stage.inputs), redrive_topic(stage.name)]
