"""The first messages to the process that workers are forked from, and to a worker."""

from __future__ import annotations

from typing import NamedTuple

from lineal.workers.readable import Readable


class ServerStart(NamedTuple):
    """What the process that forks workers is started with."""

    parent: int
    """The daemon's process id."""
    path: list[str]
    """The daemon's ``sys.path``: functions are looked up by the name of their module."""
    warm_up: tuple[str, ...]
    """``module:function`` names to call before the first fork."""


class WorkerStart(NamedTuple):
    """What a worker is started with."""

    memory_bytes: int | None
    warm_up: tuple[str, ...] = ()
    """``module:function`` names to call before the first task: those that start threads, which
    are lost in a fork."""
    scratch: str | None = None
    """The only folder the process may write in, if it is to be sandboxed: its answers are data."""
    readable: Readable = Readable()
    """What it may read besides, in the sandbox."""
