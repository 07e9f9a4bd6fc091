"""Handling events in lanes: which may begin, the tasks that handle them, and what becomes of those
that fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from lineal.bus.protocol import Delivery
from lineal.stages.batch_source import UncommittedOf
from lineal.stages.executor import StageExecutor
from lineal.stages.lanes import Lanes
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.stages.uncommitted import UncommittedByKey, reads_uncommitted

log = structlog.get_logger(__name__)

_SLICE_SECONDS = 0.004
"""How long events are handled before others have the loop: what is being committed waits for
answers meanwhile, a turn for each."""


class Scheduler:
    """Handles deliveries, those of a key one after another, different keys side by side.

    See :class:`lineal.stages.batch_source.BatchSource` for what the executor asks of it.

    Args:
        limit: how many keys are handled at the same time.
        clock: tells seconds.
    """

    attempt = 1

    def __init__(
        self,
        executor: StageExecutor,
        limit: int,
        retry: RetryPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._retry = retry
        self._clock = clock
        self.lanes = Lanes(limit)
        self.handled: list[StepResult] = []
        """Results that are yet to be committed."""
        self.some_handled = asyncio.Event()
        """Set whenever there are more of them."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: dict[int, Delivery] = {}
        """Deliveries that are being handled, by their identity: equal ones are not the same."""
        self._wakeup_scheduled = False
        self._slice_ends: float | None = None
        """None: nothing was handled yet since others had the loop."""
        self._yielding = False
        """A task has let others have the loop, and goes on after them."""
        self._stopped = False
        stage = executor.stage
        self._uncommitted = UncommittedByKey(stage.name) if reads_uncommitted(stage) else None

    @property
    def size(self) -> int:
        """Events waiting, begun, or not committed yet."""
        return self.lanes.size

    @property
    def has_pending(self) -> bool:
        """Whether events are at hand that can be handled without waiting for anything."""
        return self._yielding or self.lanes.may_begin

    def wake(self) -> None:
        """See to it that what may begin is begun: deliveries were added to the lanes, or keys have
        become free.

        By a task that goes on from batch to batch for as long as none has to wait for something,
        and by a further task as soon as one does: a task for each event would cost more than many a
        stage.
        """
        if not self._wakeup_scheduled and self.lanes.may_begin and not self._stopped:
            self._wakeup_scheduled = True
            asyncio.get_running_loop().call_soon(self._wake_up)

    def _wake_up(self) -> None:
        self._wakeup_scheduled = False
        if self._stopped or self._yielding or not self.lanes.may_begin:
            return
        self.start_task(self._executor.work(self))
        # Called again when that one has had its first turn: it may have come to wait.
        self.wake()

    def begin_batch(self, limit: int) -> Sequence[Delivery]:
        if self._stopped:
            return ()
        self._begin_slice()
        batch = self.lanes.begin_batch(limit)
        self._begun.update((id(delivery), delivery) for delivery in batch)
        return batch

    @property
    def uncommitted(self) -> UncommittedOf | None:
        return None if self._uncommitted is None else self._uncommitted.of

    @property
    def slice_is_over(self) -> bool:
        return self._clock() > self._begin_slice()

    async def next_slice(self) -> None:
        self._yielding = True
        await asyncio.sleep(0)
        self._yielding = False
        self._begin_slice()
        self.wake()

    def _begin_slice(self) -> float:
        """Begin one, if others had the loop since the last; returns when it ends."""
        if self._slice_ends is None:
            self._slice_ends = self._clock() + _SLICE_SECONDS
            asyncio.get_running_loop().call_soon(self._others_had_the_loop)
        return self._slice_ends

    def _others_had_the_loop(self) -> None:
        self._slice_ends = None

    def ended(self, results: Sequence[StepResult], failed: Sequence[Invocation] = ()) -> None:
        # What a pure function makes follows from its event: the next of the key need not see it,
        # unless it has to wait if this one turns out to be a dead letter. Other results it may see
        # before they are committed.
        stage = self._executor.stage
        pure = stage.memo and stage.on_failure == "go on"
        for result in results:
            del self._begun[id(result.delivery)]
            free = pure and not result.read_by_others
            visible = self._uncommitted is not None and self._uncommitted.add(result)
            self.lanes.handled(result.delivery, free=free, visible=visible)
        if results:
            self.handled += results
            self.some_handled.set()
        for invocation in failed:
            self.start_task(self._recover(invocation))
        # Not only by whoever goes on with the next batch: what ends here may have waited for long.
        self.wake()

    async def _recover(self, failed: Invocation) -> None:
        """What failed is tried again on its own, until it has a result."""
        self.ended([await self._executor.recover(failed, self._retry)])

    def take_handled(self) -> list[StepResult]:
        """The results that are yet to be committed, which the caller commits."""
        self.some_handled.clear()
        handled, self.handled = self.handled, []
        return handled

    def undo(self, result: StepResult) -> None:
        """A result will not be committed as it is: those that were made after it are outdated."""
        if self._uncommitted is not None:
            self._uncommitted.undo(result)

    def finish(self, results: Sequence[StepResult]) -> None:
        """Results are committed, or given up: the next of their keys may begin."""
        for result in results:
            if self._uncommitted is not None:
                self._uncommitted.finish(result)
            self.lanes.finish(result.delivery)
        self.wake()

    async def drain(self, seconds: float) -> list[Delivery]:
        """Begin nothing more, and let what has begun finish; returns what did not in time."""
        self._stopped = True
        deadline = asyncio.get_running_loop().time() + seconds
        # What is handled may begin further tasks: for the rest of its batch, or to try again.
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)
        while unfinished := set(self._tasks):
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        return list(self._begun.values())

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of the runtime, not of the stage. The events stay in flight: their lanes are
            # held and they are handled again after a restart.
            log.critical(
                "scheduler.internal_error", stage=self._executor.stage.name, exc_info=error
            )
