"""The device's two clocks: monotonic and wall clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic_us(self) -> int:
        """Microseconds since the machine started; runs on while it sleeps, never jumps."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch, as far as the machine knows."""


class SystemClock:
    """The machine's clocks."""

    # time.monotonic stands still in suspend, and only Linux has the clock that does not
    _BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def monotonic_us(self) -> int:
        return time.clock_gettime_ns(self._BOOT) // 1000

    def wall_us(self) -> int:
        return time.time_ns() // 1000
