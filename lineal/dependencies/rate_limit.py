"""A rate limit whose waiting calls have their turns: stages in rotation, each in its own order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable


class RateLimit:
    """A token bucket (RFC 2697's, in calls instead of bytes) with a fair queue.

    Args:
        per_second: so many calls on the average.
        burst: so many at once, after a pause.
        now: tells seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._sleep = sleep
        self._tokens = float(burst)
        self._counted_at = now()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By stage, the turns of its waiting calls; the stage whose turn is next first."""
        self._serving = False
        """Somebody has the turn, and waits for a token."""

    async def acquire(self, stage: str) -> None:
        """Wait for the right to make one call.

        Raises:
            CancelledError: nothing was used up.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(stage, deque()).append(turn)
        self._serve_next()
        try:
            await turn
            while (missing := self._missing_seconds()) > 0:
                await self._sleep(missing)
            self._tokens -= 1
        finally:
            if turn.cancelled() or not turn.done():
                turn.cancel()
                self._leave(stage, turn)
            else:
                self._serving = False
                self._serve_next()

    def refund(self) -> None:
        """The call was not made after all."""
        self._tokens = min(self._burst, self._tokens + 1)

    def _serve_next(self) -> None:
        while not self._serving and self._queues:
            stage, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            # One that has just given up has not left its place yet.
            if not turn.cancelled():
                turn.set_result(None)
                self._serving = True
            if queue:
                self._queues[stage] = queue

    def _leave(self, stage: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(stage)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[stage]

    def _missing_seconds(self) -> float:
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        # A rounding error is no reason to wait once more.
        return 0.0 if self._tokens > 1 - 1e-9 else (1 - self._tokens) / self._per_second
