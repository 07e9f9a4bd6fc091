"""The time limit of a stage's function: its own time, without what it waits for a worker process.

It costs nothing where nothing is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

from lineal.errors import HandlerTimeout
from lineal.stages.handler_clock import HandlerClock

T = TypeVar("T")


async def limited(work: Awaitable[T], seconds: float, clock: Callable[[], HandlerClock]) -> T:
    """What is awaited, unless it takes longer.

    Args:
        clock: the clock of the work; asked for when it begins to wait.

    Most functions return without waiting for anything, and cannot be interrupted before they wait:
    a timer is set only then. For short functions it would cost as much as they do.

    Raises:
        HandlerTimeout: the work was cancelled, because the time was over.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    running = work.__await__()
    try:
        waits_for = next(running)
    except StopIteration as returned:
        result: T = returned.value
        return result
    try:
        with clock().limit(deadline) as limit:
            async with limit:
                return await _Begun(running, waits_for)
    except TimeoutError as error:
        if limit.expired():
            # A TimeoutError could be the work's own.
            raise HandlerTimeout(
                f"the function took longer than {seconds:g} seconds and was ended"
            ) from error
        raise


class _Begun(Generic[T]):
    """The rest of what has begun and waits for something."""

    def __init__(self, running: Generator[Any, Any, T], waits_for: Any) -> None:
        self._running = running
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        while True:
            try:
                yield waits_for
            except BaseException as error:  # a cancellation is for the work to see
                go_on = partial(self._running.throw, error)
            else:
                go_on = partial(next, self._running)
            try:
                waits_for = go_on()
            except StopIteration as returned:
                result: T = returned.value
                return result
