"""The process that holds the one model: all images that need one are worked on there, in turn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lineal.workers.pool import WorkerPool


@cache
def model_process(device: str, models: tuple[Path, ...]) -> WorkerPool:
    """The process of this daemon for models on a device, that ends with the daemon.

    Only on the processor it is in the sandbox: drivers of other devices open files for writing and
    talk to services.

    Args:
        models: all that is read of them, links' targets too.
    """
    pool = WorkerPool(1, sandbox=device == "cpu", trees=models)
    pool.start()
    return pool
