"""The first message to a worker process: limits and warm-up."""

from __future__ import annotations

from typing import NamedTuple

from lineal.workers.readable import Readable


class WorkerStart(NamedTuple):
    path: list[str]
    """The daemon's ``sys.path``: functions are looked up by the name of their module."""
    memory_bytes: int | None
    warm_up: tuple[str, ...]
    """``module:function`` names to call before the first task."""
    scratch: str | None = None
    """The only folder the process may write in, if it is to be sandboxed: its answers are data."""
    readable: Readable = Readable()
    """What it may read besides, in the sandbox."""
