"""Stops a daemon on a signal; a second signal ends it at once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

R = TypeVar("R")

_GC_THRESHOLD = 50_000
"""Allocations between collections. Events are many small objects that live for a moment: Python's
own 700 costs a fifth of the time of a busy stage, and finds nothing."""

_SWITCH_SECONDS = 0.0005
"""How long a thread that wants the interpreter waits before it is handed over. The store's thread
asks for it again after every statement: at Python's own 5 ms a busy loop would keep it waiting for
longer than its statements take, and the two would work by turns instead of side by side."""


def run_in_loop(main: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine on uvloop, in a process that is a daemon from here on, or has much to do."""
    import uvloop

    reduce_garbage_collection()
    sys.setswitchinterval(_SWITCH_SECONDS)
    return uvloop.run(main)


def reduce_garbage_collection() -> None:
    """Set the garbage collector for a daemon."""
    # What is loaded stays: it need not be looked through at every collection.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


class StopSignal:
    """Set by the first SIGTERM or SIGINT.

    The second ends the process at once, without the drain; unfinished work is done again later. The
    worker processes end with this one by themselves.

    Args:
        on_first: called on the first signal.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._stopping = asyncio.Event()

    def install(self) -> None:
        """Take over the signals, in the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._received, number)

    async def wait(self) -> None:
        await self._stopping.wait()

    def _received(self, number: int) -> None:
        if self._stopping.is_set():
            os._exit(128 + number)
        self._stopping.set()
        self._on_first()
