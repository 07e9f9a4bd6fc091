"""Handling events in lanes: which may begin, the tasks that handle them, and what becomes of those
that fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

import structlog

from lineal.bus.protocol import Delivery
from lineal.stages.executor import StageExecutor
from lineal.stages.lanes import Lanes
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy

log = structlog.get_logger(__name__)

_TURN_SECONDS = 0.002
"""How long a task handles events before it lets others have the loop: what is being committed waits
for answers meanwhile, a turn for each."""


class Scheduler:
    """Handles deliveries, those of a key one after another, different keys side by side.

    Args:
        lanes: how many keys are handled at the same time.
        handled: called with results that are to be committed.
    """

    def __init__(
        self,
        executor: StageExecutor,
        lanes: int,
        retry: RetryPolicy,
        handled: Callable[[Sequence[StepResult]], None],
    ) -> None:
        self._executor = executor
        self._retry = retry
        self._handled = handled
        self._lanes = Lanes(lanes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: dict[int, Delivery] = {}
        """Deliveries that are being handled, by their identity: equal ones are not the same."""
        self._wakeup_scheduled = False
        self._yielding = False
        """A task has let others have the loop, and goes on with its next turn."""
        self._stopped = False

    @property
    def size(self) -> int:
        """Events waiting, begun, or not committed yet."""
        return self._lanes.size

    @property
    def may_begin(self) -> bool:
        """Whether events are at hand that can be handled without waiting for anything."""
        return self._lanes.may_begin

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Deliveries have come."""
        for delivery in deliveries:
            self._lanes.add(delivery)
        self._schedule()

    def finish(self, results: Sequence[StepResult]) -> None:
        """Results are committed, or given up: the next of their keys may begin."""
        for result in results:
            self._lanes.finish(result.delivery)
        self._schedule()

    def take_waiting(self, wanted: Callable[[Delivery], bool]) -> Collection[Delivery]:
        """Remove and return deliveries that have not begun, with all that follow in their keys."""
        return self._lanes.take_waiting(wanted)

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

    def _schedule(self) -> None:
        """See to it that what may begin is begun.

        By a task that goes on from batch to batch for as long as none has to wait for something,
        and by a further task as soon as one does: a task for each event would cost more than many a
        stage.
        """
        if not self._wakeup_scheduled and self._lanes.may_begin and not self._stopped:
            self._wakeup_scheduled = True
            asyncio.get_running_loop().call_soon(self._wake_up)

    def _wake_up(self) -> None:
        self._wakeup_scheduled = False
        if self._stopped or self._yielding or not self._lanes.may_begin:
            return
        self._start(self._handle_batches())
        # Called again when that one has had its first turn: it may have come to wait.
        self._schedule()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _handle_batches(self) -> None:
        clock = time.monotonic
        turn_ends = clock() + _TURN_SECONDS
        size = self._executor.batch_size
        while not self._stopped and (batch := self._lanes.begin_batch(size)):
            self._begun.update((id(delivery), delivery) for delivery in batch)
            await self._executor.attempt(batch, self._sort, self._start)
            if clock() > turn_ends:
                self._yielding = True
                await asyncio.sleep(0)
                self._yielding = False
                self._schedule()
                turn_ends = clock() + _TURN_SECONDS

    def _sort(self, invocations: Sequence[Invocation]) -> None:
        """What is done goes to be committed; what failed is tried again on its own."""
        results = []
        for invocation in invocations:
            if invocation.error is None:
                results.append(invocation.result)
            else:
                self._start(self._recover(invocation))
        if results:
            self._pass_on(results)

    async def _recover(self, failed: Invocation) -> None:
        self._pass_on([await self._executor.recover(failed, self._retry)])

    def _pass_on(self, results: Sequence[StepResult]) -> None:
        # What a pure function makes follows from its event: the next of the key need not see it,
        # unless it has to wait if this one turns out to be a dead letter.
        stage = self._executor.stage
        pure = stage.memo and stage.on_failure == "go on"
        for result in results:
            del self._begun[id(result.delivery)]
            self._lanes.handled(result.delivery, free=pure and not result.read_by_others)
        self._handled(results)
        # Not only by whoever goes on with the next batch: what ends here may have waited for long.
        self._schedule()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of the runtime, not of the stage. The events stay in flight: their lanes are
            # held and they are handled again after a restart.
            log.critical(
                "scheduler.internal_error", stage=self._executor.stage.name, exc_info=error
            )
