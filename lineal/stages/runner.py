"""The stage runner: fetches events, has them handled, has results committed, and drains."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import structlog

from lineal.bus.protocol import Subscription
from lineal.committing import Committer
from lineal.stages.commit_queue import LINGER_SECONDS, CommitQueue
from lineal.stages.executor import StageExecutor
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.stages.room import Room
from lineal.stages.scheduler import Scheduler

log = structlog.get_logger(__name__)

_FETCH_SECONDS = 1.0
_COMMITTED_PART = 3
"""Of what is in memory a third is being committed, a third waits for it, and a third is handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Bounds of a runner.

    Attributes:
        lanes: how many keys are handled at the same time, where the stage does not say.
        prefetch: how many events are held in memory at most, begun or waiting; not less than
            the lanes that a stage asks for.
        drain_seconds: how long begun work may take to finish on shutdown.
        linger_seconds: how long results wait for more to be committed with, while there is more.
    """

    lanes: int = 512
    prefetch: int = 1024
    drain_seconds: float = 20.0
    linger_seconds: float = LINGER_SECONDS
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class StageRunner:
    """Runs one bound stage on one subscription.

    Args:
        on_committed: called with the results that took effect; replays count with it.
        on_lost: called with those that did not, since their events belong to another worker.
    """

    def __init__(
        self,
        executor: StageExecutor,
        committer: Committer,
        settings: RunnerSettings | None = None,
        *,
        on_committed: Callable[[Sequence[StepResult]], None] | None = None,
        on_lost: Callable[[Sequence[StepResult]], None] | None = None,
    ) -> None:
        self._executor = executor
        self._committer = committer
        self._settings = settings or RunnerSettings()
        self._on_committed = on_committed
        self._on_lost = on_lost
        lanes = executor.stage.lanes or self._settings.lanes
        self._scheduler = Scheduler(executor, lanes, self._settings.retry)
        room = max(self._settings.prefetch, executor.stage.lanes or 0)
        self._room = Room(room, lambda: self._scheduler.size)
        self._fetching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._fetch_problem: str | None = None
        self._subscription: Subscription | None = None
        self._queue: CommitQueue | None = None

    @property
    def in_flight(self) -> int:
        """Events begun or waiting."""
        return self._scheduler.size

    @property
    def problem(self) -> str | None:
        """What keeps the stage from doing its work; None when all is well."""
        problem = self._fetch_problem or self._executor.problem
        if problem is None and self._queue is not None:
            problem = self._queue.problem
        return problem and f"stage {self._executor.stage.name}: {problem}"

    def stop(self) -> None:
        """Begin to drain: no new events; what has begun finishes within the budget."""
        self._stopping.set()
        if self._fetching is not None:
            self._fetching.cancel()

    def revoking(self, partitions: Collection[tuple[str, int]]) -> None:
        """What has not begun of partitions that have to be given up is released; what has begun is
        committed if that is still possible. To be given to the bus when subscribing."""
        waiting = self._scheduler.lanes.take_waiting(lambda d: d.position[:2] in partitions)
        if self._subscription is not None:
            self._subscription.release(waiting)
        self._room.look()

    async def run(self, subscription: Subscription) -> None:
        """Handle events until :meth:`stop`, then drain and leave the group."""
        self._subscription = subscription
        self._queue = queue = CommitQueue(
            self._scheduler,
            self._committer.commit_of(subscription),
            dead_letter=self._executor.unwritable,
            reprocess=lambda delivery: self._executor.handle(delivery, self._settings.retry),
            finished=self._finished,
            enough=self._settings.prefetch // _COMMITTED_PART,
            linger_seconds=self._settings.linger_seconds,
        )
        committing = asyncio.create_task(queue.run())
        # Without it nothing is committed any more: better to end, and be seen to have ended.
        committing.add_done_callback(lambda _: self.stop())
        try:
            await self._fetch_until_stopped(subscription)
        finally:
            subscription.release(self._scheduler.lanes.take_waiting(lambda _: True))
            subscription.release(await self._scheduler.drain(self._settings.drain_seconds))
            queue.finish()
            results = await asyncio.gather(committing, return_exceptions=True)
            await subscription.close()
        if isinstance(results[0], BaseException):
            raise results[0]

    async def _fetch_until_stopped(self, subscription: Subscription) -> None:
        self._fetching = asyncio.create_task(self._fetch(subscription))
        try:
            await self._fetching
        except asyncio.CancelledError:
            # By stop(), or we are cancelled ourselves.
            task = asyncio.current_task()
            if not self._stopping.is_set() or (task is not None and task.cancelling()):
                raise

    async def _fetch(self, subscription: Subscription) -> None:
        while not self._stopping.is_set():
            room = await self._room.wait()
            try:
                # In this task, so that nothing runs between what the bus hands out and what is
                # known of it: were its partition revoked then, what is known would be released, and
                # what is not would overtake it.
                self._scheduler.lanes.add(await subscription.fetch(room, _FETCH_SECONDS))
            except Exception as error:
                self._fetch_problem = f"cannot fetch: {error}"
                log.error("runner.fetch_failed", stage=self._executor.stage.name, error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FETCH_SECONDS):
                        await self._stopping.wait()
                continue
            self._fetch_problem = None
            self._scheduler.wake()

    def _finished(self, results: Sequence[StepResult], took_effect: bool) -> None:
        self._scheduler.finish(results)
        metrics = self._executor.metrics
        if took_effect:
            metrics.committed(results)
            if self._on_committed is not None:
                self._on_committed(results)
        elif self._on_lost is not None:
            self._on_lost(results)
        metrics.in_flight(self._scheduler.size)
        self._room.look()
