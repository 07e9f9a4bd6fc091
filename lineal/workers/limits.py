"""Limits of one task: of processor time and by the clock, kept by whoever waits for its answer.

What a task costs is counted from when its function begins, so that neither earlier tasks of the
process nor what it loads for a task are part of it. The kernel's own limit (RLIMIT_CPU) is no use
for that: it counts the ticks in which a process was seen running, over its whole life, and in a
busy minute these are seconds away from the time that it ran. A process's clock is exact.

Source: clock_getcpuclockid(3); setrlimit(2).
"""

from __future__ import annotations

import time
from multiprocessing.connection import Connection

from lineal.workers.errors import WorkerTimeout

BEGUN = b""
"""What a worker sends when the function of a task is about to be called."""
_LOOK_SECONDS = 0.05
"""Between looks at a task that is near its limit."""
_STARVED_PART = 0.5
"""A task that had less of the clock's time than this was kept waiting, by others or by something
that does not come."""
_PROCESS_CLOCK = 2


def processor_seconds(process: int) -> float:
    """Processor time of a process up to now; 0 where the system does not tell."""
    try:
        # The clock of another process has a number that is made from its own.
        return time.clock_gettime(~process << 3 | _PROCESS_CLOCK)
    except (OSError, AttributeError):
        return 0.0


class TaskLimits:
    """The limits of one task that a process is about to get.

    Args:
        name: of its function, for messages.
        process: its id.
        seconds: limit by the clock, from now.
        processor: limit of processor time, from when its function begins; None for none.
    """

    def __init__(self, name: str, process: int, seconds: float, processor: float | None) -> None:
        self._name = name
        self._process = process
        self._seconds = seconds
        self._processor = processor
        self._began = time.monotonic()
        self._used_before = processor_seconds(process)
        self._begun = False

    def answer(self, connection: Connection, max_bytes: int) -> bytes:
        """Wait for what the process answers.

        Raises:
            WorkerTimeout: a limit is reached; the process still runs.
            EOFError, OSError: the process ended.
        """
        while True:
            while not connection.poll(self._pause()):
                self._check()
            message = connection.recv_bytes(max_bytes)
            if self._begun or message != BEGUN:
                return message
            self._begun = True
            self._used_before = processor_seconds(self._process)

    def _pause(self) -> float:
        """Seconds until a limit may be reached."""
        left = self._seconds - (time.monotonic() - self._began)
        if self._begun and self._processor is not None:
            left = min(left, max(self._processor - self._used(), _LOOK_SECONDS))
        return max(left, 0.0)

    def _used(self) -> float:
        return processor_seconds(self._process) - self._used_before

    def _check(self) -> None:
        used, elapsed = self._used(), time.monotonic() - self._began
        if self._begun and self._processor is not None and used >= self._processor:
            spent = f"{used:.3g} s of processor time, of {self._processor:.3g} s that it may"
            message = f"{self._name} took more processor time than its limit: {spent}"
            raise WorkerTimeout(message, spent=spent)
        if elapsed >= self._seconds:
            spent = (
                f"{elapsed:.3g} s by the clock, of {self._seconds:g} s that it may, "
                f"with {used:.3g} s of processor time"
            )
            message = f"{self._name} took longer than {self._seconds:g} seconds: {spent}"
            raise WorkerTimeout(message, spent=spent, starved=used < _STARVED_PART * elapsed)
