"""A bound stage: one attempt at a batch of events, and all further attempts at a single one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeAlias

import structlog
from pydantic import BaseModel

from lineal.bus.protocol import Delivery
from lineal.effects.waiting import KeyHeld
from lineal.errors import HandlerTimeout, Reject
from lineal.lineage.record import Build
from lineal.stages.dead_letter import dead_letter_result
from lineal.stages.declaration import Stage
from lineal.stages.identity import Identity
from lineal.stages.metrics import StageMetrics
from lineal.stages.pipeline import Invocation, Wrapper, compose
from lineal.stages.pipeline.binding import Binding, bind
from lineal.stages.pipeline.failure import as_failure
from lineal.stages.pipeline.held_keys import KeyWaits
from lineal.stages.pipeline.invoke import Call, calls, invoke
from lineal.stages.pipeline.record import record_of
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy, pause_after, unavailable
from lineal.stages.services import Services

log = structlog.get_logger(__name__)

_BATCH_SIZE = 64
"""Of events whose function takes one: a task is not begun for each."""

Ended: TypeAlias = Callable[[Sequence[Invocation]], None]
"""Is given invocations that have come to an end, failed ones among them."""
Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine in a task of its own."""


class StageExecutor:
    """Handles events with a stage under a configuration.

    Args:
        handler_seconds: how long a call of the function may take, where the stage does not say.
        replaying: whether past events are handled again.
        pause: waits so many seconds before an event is tried again.
        pipeline: composes the wrappers of the bound stage.
    """

    def __init__(
        self,
        stage: Stage,
        config: BaseModel,
        services: Services,
        *,
        handler_seconds: float,
        replaying: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pipeline: Callable[[Binding], Sequence[Wrapper]] = compose,
    ) -> None:
        self.stage = stage
        self.batch_size = _batch_size(stage)
        """At most so many events are given to an attempt."""
        self.metrics = StageMetrics(stage.name)
        self._binding = bind(
            stage, config, services, handler_seconds=handler_seconds, replaying=replaying
        )
        self._trained = services.trained
        self._pause = pause
        self._wrappers = pipeline(self._binding)
        self._identity = self._binding.identity({})
        self.problem: str | None = None
        """What is wrong with the function itself: that it hangs."""
        self._hanging: set[int] = set()
        """Deliveries that are to be tried again after a time limit, by their identity."""

    async def current_build(self) -> Build:
        """What would handle an event now."""
        return (await self._current_identity()).build

    async def attempt(
        self, deliveries: Sequence[Delivery], ended: Ended, spawn: Spawn, *, attempt: int = 1
    ) -> None:
        """Handle events of different keys, once.

        A function that waits for something keeps nobody else waiting: what is done by then ends,
        and what has not begun goes on in another task.

        Raises:
            CancelledError: the task was cancelled.
        """
        invocations = [self._invocation(delivery, attempt) for delivery in deliveries]
        try:
            identity = await self._current_identity()
            for invocation in invocations:
                invocation.identity = identity
            open_ones: Sequence[Invocation] = invocations
            for wrapper in self._wrappers:
                await wrapper.before(open_ones)
                open_ones = [invocation for invocation in open_ones if invocation.open]
        except (Exception, asyncio.CancelledError) as error:
            await self._end(_failed(invocations, as_failure(error)), ended)
            return
        closed = [invocation for invocation in invocations if not invocation.open]
        await self._call(calls(self.stage, open_ones), closed, ended, spawn)

    async def _call(
        self, made: Iterable[Call], closed: Sequence[Invocation], ended: Ended, spawn: Spawn
    ) -> None:
        done = list(closed)
        waiting = deque(made)

        def others_run() -> None:
            # The function that was called waits for something: nobody else is to wait with it.
            nonlocal done
            if done:
                spawn(self._end(done, ended))
                done = []
            if waiting:
                rest = list(waiting)
                waiting.clear()
                spawn(self._call(rest, (), ended, spawn))

        turn = asyncio.get_running_loop().call_soon(others_run)
        try:
            while waiting:
                call = waiting.popleft()
                await invoke(self._binding, call)
                done += call.invocations
        finally:
            turn.cancel()
        await self._end(done, ended)

    async def _end(self, invocations: Sequence[Invocation], ended: Ended) -> None:
        """Run what comes after the function."""
        try:
            for wrapper in reversed(self._wrappers):
                await wrapper.after(invocations)
        except (Exception, asyncio.CancelledError) as error:
            for invocation in _failed(invocations, as_failure(error)):
                invocation.record = record_of(self._binding, invocation)
        self._note_timeouts(invocations)
        ended(invocations)

    def _note_timeouts(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if isinstance(invocation.error, HandlerTimeout):
                self._hanging.add(id(invocation.delivery))
                self.problem = f"event {invocation.event.id}: {invocation.error}"
            elif self.problem is not None and invocation.step is not None:
                # Other keys go on meanwhile; it is no less a problem for that.
                self._hanging.discard(id(invocation.delivery))
                if not self._hanging:
                    self.problem = None

    async def recover(self, failed: Invocation, retry: RetryPolicy) -> StepResult:
        """Try an event again as often as the policy allows; in the end, its dead letter. Later
        events of the key wait meanwhile, other keys go on.

        The failure of a call that had other events too counts as none: on its own, an event shows
        whether it is to blame.
        """
        try:
            return await self._try_again(failed, retry)
        finally:
            self._hanging.discard(id(failed.delivery))

    async def _try_again(self, failed: Invocation, retry: RetryPolicy) -> StepResult:
        pauses = retry.pauses()
        failures, began = 0, time.monotonic()
        while (error := failed.error) is not None:
            if unavailable(error):
                # Not the event's doing, and not counted: it begins anew when the outage is over.
                failures, began = 0, time.monotonic()
            elif not failed.failed_together:
                failures += 1
            elapsed = time.monotonic() - began
            if not failed.failed_together and retry.gives_up(error, failures, elapsed):
                return self._dead_letter(failed)
            pause = pause_after(error, failed.attempt, pauses)
            self.metrics.retried()
            log.warning(
                "event.retry",
                error=repr(error), attempt=failed.attempt, pause_seconds=round(pause, 2),
            )  # fmt: skip
            await self._pause(pause)
            failed = await self._attempt_one(failed.delivery, failed.attempt + 1)
        return failed.result

    async def handle(self, delivery: Delivery, retry: RetryPolicy) -> StepResult:
        """Handle one event to its end: its result, or its dead letter."""
        return await self.recover(await self._attempt_one(delivery, 1), retry)

    def unwritable(self, delivery: Delivery, error: Exception) -> StepResult:
        """The dead letter of an event whose result cannot be committed."""
        failed = self._invocation(delivery, 1)
        failed.error, failed.began = error, self._binding.services.now()
        failed.record = record_of(self._binding, failed)
        return self._dead_letter(failed)

    async def _attempt_one(self, delivery: Delivery, attempt: int) -> Invocation:
        ended: list[Invocation] = []

        def never(work: Coroutine[Any, Any, None]) -> None:
            raise AssertionError("a single event has nothing to hand on")

        await self.attempt([delivery], ended.extend, never, attempt=attempt)
        return ended[0]

    def _dead_letter(self, failed: Invocation) -> StepResult:
        if isinstance(failed.error, Reject | KeyWaits):
            name = "event.rejected" if isinstance(failed.error, Reject) else "event.waits"
            log.info(name, reason=str(failed.error))
        else:
            log.error("event.dead_letter", error=repr(failed.error), attempts=failed.attempt)
        result = dead_letter_result(self.stage.name, failed)
        if self.stage.on_failure == "wait" and not self._binding.replaying:
            event = failed.event
            held = KeyHeld(
                self.stage.name, event.partitionkey, event.source, event.id, failed.position
            )
            result = result._replace(effects=[*result.effects, held])
        return result

    def _invocation(self, delivery: Delivery, attempt: int) -> Invocation:
        return Invocation(delivery, attempt, self._identity, delivery.event)

    async def _current_identity(self) -> Identity:
        """With the trained models that are in use now."""
        if self._binding.trained:
            trained = {name: await self._trained.in_use(name) for name in self._binding.trained}
            if trained != self._identity.trained:
                self._identity = self._binding.identity(trained)
        return self._identity


def _failed(invocations: Sequence[Invocation], error: Exception) -> Sequence[Invocation]:
    for invocation in invocations:
        invocation.error = invocation.error or error
        invocation.incomplete = False
    return invocations


def _batch_size(stage: Stage) -> int:
    if not stage.fan_in and any(h.takes == "batch" for h in stage.handlers.values()):
        return stage.batch
    return _BATCH_SIZE
