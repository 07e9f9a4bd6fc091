"""Calls of a dependency: within its rate, through its circuit, under its time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import structlog

from lineal.dependencies import metrics
from lineal.dependencies.circuit import Circuit, Permit
from lineal.dependencies.dependency import DependencySettings
from lineal.dependencies.rate_limit import RateLimit
from lineal.errors import CircuitOpen, Reject, Retry

log = structlog.get_logger(__name__)

R = TypeVar("R")

_BEHIND_OTHERS_SECONDS = 0.05
"""Who was tried last and had no answer lets another event be tried next: perhaps it is to blame."""

OnChange = Callable[["CalledDependency"], None]


class CalledDependency:
    """A dependency as the stages of this process call it.

    Args:
        now: tells seconds.
        sleep: waits so many seconds.
        changed: called whenever the circuit opens or closes.
    """

    def __init__(
        self,
        name: str,
        settings: DependencySettings,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        changed: OnChange,
    ) -> None:
        self.name = name
        self.settings = settings
        self.stages: set[str] = set()
        """Those that declare it."""
        self.circuit = Circuit(settings.failures, settings.open_seconds, now)
        self.error: str | None = None
        """The class of the error of the last failed call; None: it answers."""
        self._sleep = sleep
        self._changed = changed
        self._ended = asyncio.Event()
        """The call that was tried has ended."""
        self._limit = None
        if settings.calls_per_second is not None:
            self._limit = RateLimit(settings.calls_per_second, settings.burst, now, sleep)

    async def call(
        self,
        stage: str,
        function: Callable[..., Awaitable[R]],
        arguments: tuple[Any, ...],
        waiting: Callable[[], AbstractContextManager[object]],
    ) -> R:
        """See :meth:`lineal.stages.context.Context.call`.

        Args:
            waiting: entered while the call waits for its turn.
        """
        while True:
            with waiting():
                permit = await self._enter(stage)
            try:
                result = await self._limited(function, arguments)
            except (Reject, Retry):
                self._answered(permit)
                raise
            except Exception as error:
                self._failed(permit, error)
                if self.circuit.state == "closed" or self.settings.when_open == "raise":
                    raise
            except BaseException:
                self.circuit.abandoned(permit)
                self._ended.set()
                raise
            else:
                self._answered(permit)
                return result
            # That it does not answer is known by now, and counts as nobody's attempt.
            with waiting():
                await self._sleep(self.circuit.seconds_left + _BEHIND_OTHERS_SECONDS)

    async def _limited(
        self, function: Callable[..., Awaitable[R]], arguments: tuple[Any, ...]
    ) -> R:
        seconds = self.settings.call_seconds
        if seconds is None:
            return await function(*arguments)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await function(*arguments)
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(
                    f"{self.name} did not answer within {seconds:g} seconds"
                ) from error
            raise

    async def _enter(self, stage: str) -> Permit:
        gauge = metrics.WAITING.labels(self.name)
        gauge.inc()
        try:
            while True:
                await self._until_open_for_calls()
                if self._limit is not None:
                    await self._limit.acquire(stage)
                if (permit := self.circuit.enter()) is not None:
                    return permit
                if self._limit is not None:
                    self._limit.refund()
        finally:
            gauge.dec()

    async def _until_open_for_calls(self) -> None:
        while (state := self.circuit.state) == "open" or self.circuit.trying:
            if self.settings.when_open == "raise":
                metrics.CALLS.labels(self.name, "refused").inc()
                raise CircuitOpen(self.name, self.circuit.seconds_left)
            if state == "open":
                await self._sleep(self.circuit.seconds_left)
            else:
                self._ended.clear()
                await self._ended.wait()

    def _answered(self, permit: Permit) -> None:
        metrics.CALLS.labels(self.name, "answered").inc()
        closed = self.circuit.answered(permit)
        self._ended.set()
        if closed:
            self.error = None
            metrics.OPEN.labels(self.name).set(0)
            log.info("circuit.closed", dependency=self.name)
            self._changed(self)

    def _failed(self, permit: Permit, error: Exception) -> None:
        metrics.CALLS.labels(self.name, "failed").inc()
        opened = self.circuit.failed(permit)
        self._ended.set()
        if not opened:
            return
        again = self.error is not None
        self.error = type(error).__name__
        metrics.OPEN.labels(self.name).set(1)
        if not again:
            metrics.OPENED.labels(self.name).inc()
        log.error(
            "circuit.still_open" if again else "circuit.opened",
            dependency=self.name, error=repr(error), next_call_seconds=self.settings.open_seconds,
        )  # fmt: skip
        self._changed(self)
