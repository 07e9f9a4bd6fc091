"""How a task can fail without having raised an error of its own."""

from __future__ import annotations


class WorkerCrashed(RuntimeError):
    """The worker process died while it had the task: the engine crashed, or it was killed."""


class WorkerTimeout(RuntimeError):
    """The task took longer than its limit; its process was killed."""


class WorkerError(RuntimeError):
    """The task raised something that cannot be raised here; says what it was."""


class WorkerOutOfMemory(MemoryError):
    """The task needed more memory than the limit."""
