"""How much room there is for further events, and when it is worth fetching some."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

_WORTHWHILE_PART = 4
_LINGER_SECONDS = 0.05


class Room:
    """Room for events in memory.

    Args:
        limit: how many there may be.
        in_use: how many there are.
    """

    def __init__(self, limit: int, in_use: Callable[[], int]) -> None:
        self._limit = limit
        self._in_use = in_use
        self._changed = asyncio.Event()

    def look(self) -> None:
        """There may be more room now."""
        self._changed.set()

    async def wait(self) -> int:
        """Wait for a worthwhile part of the room, so that batches stay batches under load; but
        after a while for any: slow keys may keep the rest for long. Returns how much there is."""
        worthwhile = self._limit // _WORTHWHILE_PART
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._wait_for(worthwhile)
        await self._wait_for(1)
        return self._limit - self._in_use()

    async def _wait_for(self, events: int) -> None:
        while self._limit - self._in_use() < events:
            self._changed.clear()
            await self._changed.wait()
