"""One event, tried as often as the policy allows, to a settlement in any case."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import structlog
from tenacity import RetryCallState

from lineal.bus.protocol import Delivery, Settlement
from lineal.effects.objects import ObjectPut
from lineal.errors import LinealError, Reject, Retry
from lineal.observability.metrics import StageMetrics
from lineal.stages.binding import BoundStage, StepFailed
from lineal.stages.dead_letter import dead_letter_settlement
from lineal.stages.retry import RetryPolicy, unavailable

log = structlog.get_logger(__name__)


class StageCancelled(LinealError, RuntimeError):
    """A stage was ended by a ``CancelledError`` of its own making."""


class Attempts:
    """Handles events with in-lane retries: later events of the key wait, other lanes go on."""

    def __init__(
        self,
        bound: BoundStage,
        group: str,
        policy: RetryPolicy,
        metrics: StageMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bound = bound
        self._group = group
        self._policy = policy
        self._metrics = metrics
        self._sleep = sleep

    async def settle_or_bury(self, delivery: Delivery) -> Settlement:
        """The settlement of an event: its outputs, or its dead letter. Only cancelling raises."""
        begun = time.monotonic()
        try:
            return await self._bound.handle(delivery, 1)
        except (Exception, asyncio.CancelledError) as error:
            return await self._try_again(delivery, _as_failure(error), begun)

    async def _try_again(self, delivery: Delivery, error: Exception, begun: float) -> Settlement:
        pauses = self._policy.pauses()
        attempt, failures = 1, 0
        while True:
            cause = _cause(error)
            if unavailable(cause) or isinstance(cause, Retry):
                # Not the event's doing, and not counted: it begins anew when the outage is over.
                failures, begun = 0, time.monotonic()
            else:
                failures += 1
            if self._policy.gives_up(cause, failures, time.monotonic() - begun):
                return self.bury(delivery, error, attempt)
            pause = pauses(cast("RetryCallState", SimpleNamespace(attempt_number=attempt)))
            if isinstance(cause, Retry) and cause.seconds is not None:
                pause = cause.seconds
            self._metrics.retried()
            log.warning(
                "event.retry", error=repr(cause), attempt=attempt, pause_seconds=round(pause, 2)
            )
            await self._sleep(pause)
            attempt += 1
            try:
                return await self._bound.handle(delivery, attempt)
            except (Exception, asyncio.CancelledError) as next_error:
                error = _as_failure(next_error)

    def bury(self, delivery: Delivery, error: Exception, attempts: int) -> Settlement:
        """Settle an event by its dead letter."""
        cause = _cause(error)
        if isinstance(cause, Reject):
            log.info("event.rejected", reason=str(cause))
        else:
            log.error("event.dead_letter", error=repr(cause), attempts=attempts)
        if isinstance(error, StepFailed):
            settlement = dead_letter_settlement(
                self._group, delivery, error.record, cause, attempts
            )
            # The record names the objects it made until then; its other effects did not happen.
            settlement.effects = [
                effect for effect in error.step.effects if isinstance(effect, ObjectPut)
            ]
            return settlement
        record = self._bound.unhandled_record(delivery.event, attempts)
        return dead_letter_settlement(self._group, delivery, record, cause, attempts)


def _cause(error: Exception) -> Exception:
    if isinstance(error, StepFailed) and isinstance(error.__cause__, Exception):
        return error.__cause__
    return error


def _as_failure(error: BaseException) -> Exception:
    """What made an attempt fail.

    Raises:
        CancelledError: it did not fail: the task was cancelled.
    """
    if isinstance(error, Exception):
        return error
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise error
    # Nobody cancelled this: something the stage waited for was. An error like others; taken for a
    # shutdown it would leave the event, and its lane, waiting for ever.
    failure = StageCancelled("cancelled from within the stage")
    failure.__cause__ = error
    return failure
