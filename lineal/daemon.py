"""Runs stages until stopped: their runners, the worker pool, timers and the ledger follower."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from lineal.bus.topic_names import dead_letter_topic
from lineal.concurrency import gather_all
from lineal.effects.seen import WINDOW_US, sweep_seen
from lineal.effects.sweep import sweep
from lineal.errors import WrongConfiguration
from lineal.lineage.actor import this_worker
from lineal.lineage.follower import LedgerFollower
from lineal.lineage.rebuild import make_missing
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC
from lineal.proof.follower import LogFollower
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.named_in_settings import known_stages, unknown_names
from lineal.stages.runner import StageRunner
from lineal.stages.schedules import OF_NO_STAGE
from lineal.stages.timers import TimerClock
from lineal.stages.topics import stage_topics
from lineal.store.connection import Connection
from lineal.workers.pool import worker_pool
from lineal_schemas.envelope import now_us
from lineal_schemas.failures import EventFailed
from lineal_schemas.withdrawals import OutputsWithdrawn

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
            settings,
            warm_up=tuple(stage.warm_up for stage in stages if stage.warm_up),
        )
        self._runners: dict[str, StageRunner] = {}
        self._follower: LedgerFollower | None = None
        """Applies effects, where bus and store share no transaction."""
        self._log: LogFollower | None = None
        self._running: list[asyncio.Task[None]] = []
        """Tasks that drain by themselves when their runner is stopped."""
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join the groups and begin to handle events.

        Raises:
            WrongConfiguration: the settings of a stage do not fit it.
            BusUnavailable, StoreUnavailable: not all groups could be joined; to be stopped all the
                same.
        """
        if made := await self._runtime.store.write(make_missing):
            log.info("projection.tables_made", projections=made)
        await self._check_names()
        settings = self._runtime.settings.runner()
        committer = self._runtime.committer
        for stage in self._stages:
            executor = self._runtime.bind(stage, self.workers)
            self._runners[stage.name] = StageRunner(executor, committer, settings)
        if self._stages:
            self.workers.start()
        if not self._runtime.bus.capabilities.applies_effects:
            self._follower = LedgerFollower(
                self._runtime.bus, self._runtime.store, self._runtime.marks
            )
            await self._follower.open()
        # To the end, also where one fails: who stops us would else close the bus while others are
        # still joining.
        subscriptions = await gather_all(
            self._runtime.bus.subscribe(
                stage.name,
                stage_topics(stage),
                on_revoking=self._runners[stage.name].revoking,
            )
            for stage in self._stages
        )
        for stage in self._stages:
            for topic in (dead_letter_topic(stage.name), *(p.type for p in stage.produces)):
                await self._runtime.bus.create_topic(topic)
        for (name, runner), subscription in zip(self._runners.items(), subscriptions, strict=True):
            run = runner.run(subscription)
            self._running.append(asyncio.create_task(run, name=f"stage {name}"))
        names = [*(stage.name for stage in self._stages), *OF_NO_STAGE]
        clock = TimerClock(self._runtime.store, self._runtime.bus, names)
        self._background.append(asyncio.create_task(clock.run(), name="timers"))
        self._background.append(asyncio.create_task(self._keep_swept(), name="sweep"))
        if self._runtime.settings.log.enabled:
            self._log = LogFollower(
                self._runtime.store,
                self._runtime.bus,
                self._runtime.settings.log,
                self._runtime.settings.data,
                this_worker(),
            )
            self._background.append(asyncio.create_task(self._log.run(), name="log"))

    async def _check_names(self) -> None:
        """Refuse a setting of a stage that is misspelt; say which ones nothing here has."""
        earlier = await self._runtime.store.read(known_stages)
        unknown = unknown_names(self._runtime.settings, self._stages, earlier)
        if misspelt := [name for name in unknown if name.nearest is not None]:
            raise WrongConfiguration("; ".join(map(str, misspelt)))
        for name in unknown:
            log.warning("settings.of_no_stage", setting=name.setting, what=name.what)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return self._running + self._background

    @property
    def problems(self) -> list[str]:
        """What keeps the daemon from doing its work; empty when all is well."""
        ended = [f"{task.get_name()} has ended" for task in self._tasks if task.done()]
        problems = [runner.problem for runner in self._runners.values()]
        if self._follower is not None:
            problems.append(self._follower.problem)
        if self._log is not None:
            problems.append(self._log.problem)
        problems += self._runtime.dependencies.problems
        return ended + [problem for problem in problems if problem is not None]

    async def wait(self) -> None:
        """Wait until a part of the daemon ends by itself, which is a failure."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Drain: finish what has begun within the budget, hand back the rest."""
        for runner in self._runners.values():
            runner.stop()
        for task in self._background:
            task.cancel()
        results = await asyncio.gather(*self._running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                log.error("daemon.runner_failed", exc_info=result)
        if self._follower is not None:
            await self._follower.close()
        if self._log is not None:
            await asyncio.gather(*self._background, return_exceptions=True)
            await self._log.close()
        await self.workers.close()

    async def _keep_swept(self) -> None:
        while True:
            await asyncio.sleep(_MAINTENANCE_SECONDS)
            try:
                await self._sweep()
            except Exception as error:
                # A full disk, a store that is away: the next round tries again.
                log.warning("sweep.failed", error=repr(error))

    async def _sweep(self) -> None:
        """Delete what was kept for events that might be handled again, when none can be."""
        atomic = self._runtime.bus.capabilities.transactional_effects
        seconds = _KEPT_SECONDS_ATOMIC if atomic else _KEPT_SECONDS
        older_than = now_us() - seconds * 1_000_000
        forgotten = now_us() - WINDOW_US

        def delete(connection: Connection) -> None:
            sweep(connection, older_than)
            sweep_seen(connection, forgotten)

        await self._runtime.store.write(delete)


def runtime_topics() -> list[str]:
    """The topics that the runtime writes whichever stages are installed: checkpoints of the log,
    which outputs a replay has withdrawn, and which events groups have given up."""
    return [CHECKPOINT_TOPIC, OutputsWithdrawn.type, EventFailed.type]
