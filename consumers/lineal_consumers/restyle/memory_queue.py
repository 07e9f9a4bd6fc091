"""``MemoryQueue``: lets as much begin as there is memory for; the rest waits in its order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lineal.errors import LinealError


class TooLarge(LinealError, MemoryError):
    """It takes more memory than there is, whatever else ends."""


class MemoryQueue:
    """First come, first served: nothing overtakes, so what is large begins some day."""

    def __init__(self, megabytes: float) -> None:
        self._all = self._free = megabytes
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def room(self, megabytes: float) -> AsyncIterator[None]:
        """Wait for so much memory, and hold it.

        Raises:
            TooLarge: there will never be so much.
        """
        if megabytes > self._all:
            raise TooLarge(
                f"it takes about {megabytes:.0f} MB, and there are {self._all:.0f}: raise "
                "memory_mb under [stages.restyle], or send a smaller image"
            )
        await self._take(megabytes)
        try:
            yield
        finally:
            self._free += megabytes
            self._wake()

    async def _take(self, megabytes: float) -> None:
        if not self._waiting and megabytes <= self._free:
            self._free -= megabytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((megabytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += megabytes  # it was this one's turn already
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting:
            megabytes, turn = self._waiting[0]
            if not turn.cancelled():  # who waited may have gone away
                if megabytes > self._free:
                    return
                self._free -= megabytes
                turn.set_result(None)
            self._waiting.popleft()
