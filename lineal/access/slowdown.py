"""Slows guessing down: after a failure the next attempt is answered later."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from lineal.errors import LinealError

_FIRST_SECONDS = 0.25
_MAX_SECONDS = 8.0
_FORGET_SECONDS = 600.0
_MAX_KEYS = 4096
_MAX_WAITING = 64


class TooManyAttempts(LinealError):
    """Too many attempts wait already."""


class Slowdown:
    """Counts failures by whom they are of: an address, the name of a user.

    Args:
        pause: waits so many seconds.
        clock: seconds, for forgetting.
    """

    def __init__(
        self,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    async def failed(self, key: str) -> int:
        """Note a failure and wait, twice as long as the time before; returns how many there were.

        Raises:
            TooManyAttempts: too many wait already.
        """
        count = self._count(key) + 1
        self._failures[key] = (count, self._clock())
        self._failures.move_to_end(key)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)
        if self._waiting >= _MAX_WAITING:
            raise TooManyAttempts
        self._waiting += 1
        try:
            await self._pause(min(_FIRST_SECONDS * 2 ** (min(count, 16) - 1), _MAX_SECONDS))
        finally:
            self._waiting -= 1
        return count

    def succeeded(self, key: str) -> None:
        """Forget the failures."""
        self._failures.pop(key, None)

    def _count(self, key: str) -> int:
        count, at = self._failures.get(key, (0, 0.0))
        return count if self._clock() - at < _FORGET_SECONDS else 0
