"""Errors of tasks that died, ran out of memory or took too long."""

from __future__ import annotations

from lineal.errors import LinealError


class WorkerCrashed(LinealError, RuntimeError):
    """The worker process died while it had the task: the engine crashed, or it was killed."""


class WorkerTimeout(LinealError, RuntimeError):
    """The task took longer than its limit; its process was killed."""


class WorkerError(LinealError, RuntimeError):
    """The task raised an exception that cannot be raised here; the text describes it."""


class WorkerOutOfMemory(LinealError, MemoryError):
    """The task needed more memory than the limit."""
