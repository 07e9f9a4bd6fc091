"""A limit of processor time on one task, kept by the kernel: it also ends what hangs in a library.

Unlike a limit by the clock it is the same on a busy machine. Source: setrlimit(2), RLIMIT_CPU.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

_in_worker = False


def begin_worker() -> None:
    """Say that this process is a worker, which may be ended; limits hold nowhere else."""
    global _in_worker
    _in_worker = True


def call_within(seconds: float, function: Callable[..., R], *arguments: Any) -> R:
    """Call a function in at most so many seconds of processor time, rounded up. A worker pool
    does so for tasks that state a limit, and raises ``WorkerTimeout`` where that was not enough."""
    if not _in_worker:
        return function(*arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(time.process_time() + seconds)
    if hard != resource.RLIM_INFINITY:
        until = min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))
    try:
        return function(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
