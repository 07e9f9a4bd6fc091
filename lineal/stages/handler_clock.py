"""The time that a stage's function has worked, without what it waits for a worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class HandlerClock:
    """The time that a function has worked: the clock stands while a task of it waits for a worker
    process and no other one is being worked on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._working = 0
        self._stood = 0.0
        self._since: float | None = None
        """When it stopped; None: it runs."""
        self._limit: asyncio.Timeout | None = None
        self._deadline = 0.0

    @contextmanager
    def task(self) -> Iterator[Callable[[], None]]:
        """A task for a worker process. Gives a function to be called, from whichever thread, when
        a worker has taken it up."""
        begun = ended = False

        def begin() -> None:
            nonlocal begun
            if not (begun or ended):
                begun = True
                self._count(-1, 1)

        self._count(1, 0)
        try:
            yield lambda: _call_soon(self._loop, begin)
        finally:
            ended = True
            self._count(0, -1) if begun else self._count(-1, 0)

    @contextmanager
    def limit(self, deadline: float) -> Iterator[asyncio.Timeout]:
        """A limit at which the clock would reach a time of the loop if it never stood."""
        self._deadline = deadline
        self._limit = limit = asyncio.timeout_at(self._when())
        try:
            yield limit
        finally:
            self._limit = None

    def _when(self) -> float | None:
        return self._deadline + self._stood if self._since is None else None

    def _count(self, waiting: int, working: int) -> None:
        self._waiting += waiting
        self._working += working
        stands = self._waiting > 0 and self._working == 0
        if stands is (self._since is not None):
            return
        now = self._loop.time()
        if self._since is not None:
            self._stood += now - self._since
        self._since = now if stands else None
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._when())


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return
