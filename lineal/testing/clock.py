"""A clock for tests, which moves only when it is advanced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

START_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, in microseconds since the Unix epoch."""


class Clock:
    """The time that stages see, the same in every run of a test.

    Args:
        start_us: where it begins, in microseconds since the Unix epoch.
        next_due: the time of the next timer; None if none is set.
        fire: publishes the events of all timers that are due, and has them handled.
    """

    def __init__(
        self,
        start_us: int,
        next_due: Callable[[], Awaitable[int | None]],
        fire: Callable[[], Awaitable[None]],
    ) -> None:
        self._now = start_us
        self._next_due = next_due
        self._fire = fire

    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        return self._now

    def skip(self, seconds: float) -> None:
        """Turn the clock without looking at the timers; by a microsecond at least, as whoever
        waits for less would wait for ever."""
        self._now += max(round(seconds * 1e6), 1 if seconds > 0 else 0)

    async def advance(self, seconds: float) -> None:
        """Turn the clock; every timer on the way fires at its own time, and those that it sets in
        turn."""
        end = self._now + round(seconds * 1e6)
        await self.advance_to(end)

    async def advance_to(self, time_us: int) -> None:
        """Turn the clock to a time in microseconds since the Unix epoch, as :meth:`advance`."""
        while (due := await self._next_due()) is not None and due <= time_us:
            self._now = max(self._now, due)
            await self._fire()
        self._now = max(self._now, time_us)
