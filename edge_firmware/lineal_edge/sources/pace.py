"""Paces readings to a steady rate."""

from __future__ import annotations

import threading
import time


class Pace:
    """Keeps to a rate on average: after a hold-up it catches up rather than running late."""

    def __init__(self, rate: float | None, stopped: threading.Event) -> None:
        """``rate`` in readings a second; None never waits."""
        self._period = None if rate is None else 1 / rate
        self._stopped = stopped
        self._next: float | None = None

    def wait(self) -> bool:
        """Until the next reading is due; whether there is to be one (not stopped)."""
        if self._period is None:
            return not self._stopped.is_set()
        now = time.monotonic()
        due = now if self._next is None else self._next
        self._next = due + self._period
        return not (self._stopped.wait(due - now) if due > now else self._stopped.is_set())
