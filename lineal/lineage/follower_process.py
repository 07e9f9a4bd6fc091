"""Applies messages of the lineage topic in a process of its own.

A worker that handles events keeps its interpreter busy; appending to the ledger in the same process
would slow it down.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lineal.lineage.replayed import RecentRecords
from lineal.lineage.topic import Applied, Message, apply_messages
from lineal.store.connection import Connection, Store, StoreOpener

_NICE = 5
"""Where all cores are busy, events are handled first and the ledger follows (man 2 nice)."""


class _Process(NamedTuple):
    """What the process keeps open from call to call."""

    loop: asyncio.AbstractEventLoop
    store: Store
    recent: RecentRecords


_process: _Process | None = None


def apply_in_process(opener: StoreOpener, source: str, messages: Sequence[Message]) -> Applied:
    """:func:`apply_messages` in a transaction of its own, in a worker process.

    Raises:
        As :func:`apply_messages`, and StoreUnavailable.
    """
    global _process
    if _process is None:
        with contextlib.suppress(OSError):
            os.nice(_NICE)
        loop = asyncio.new_event_loop()
        _process = _Process(loop, loop.run_until_complete(opener()), RecentRecords())
    loop, store, recent = _process
    return loop.run_until_complete(store.write(partial(_apply, source, messages, recent)))


def _apply(
    source: str, messages: Sequence[Message], recent: RecentRecords, connection: Connection
) -> Applied:
    return apply_messages(connection, source, messages, recent)
