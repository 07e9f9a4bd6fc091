"""Errors of tasks that died, ran out of memory or took too long."""

from __future__ import annotations

from lineal.errors import LinealError


class WorkerCrashed(LinealError, RuntimeError):
    """The worker process died while it had the task: the engine crashed, or it was killed."""


class WorkerTimeout(LinealError, RuntimeError):
    """The task took longer than its limit; its process was killed.

    Attributes:
        spent: what it took and what it may take, with units, of the limit that it ran into.
        starved: it had little processor time until the limit by the clock: others kept the
            machine busy, or it waited for something. It may be tried again.
    """

    def __init__(self, message: str = "", *, spent: str = "", starved: bool = False) -> None:
        super().__init__(message)
        self.spent = spent
        self.starved = starved


class WorkerError(LinealError, RuntimeError):
    """The task raised an exception that cannot be raised here; the text describes it."""


class WorkerOutOfMemory(LinealError, MemoryError):
    """The task needed more memory than the limit."""
