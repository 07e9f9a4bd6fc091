"""The process beside a worker that writes the ledger.

A worker that handles events has its one interpreter busy: what reading the lineage topic and
appending to the ledger costs, it would handle fewer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from lineal.bus.kafka.appending import Appended, Source, copy
from lineal.kafka_client.connection import Cluster
from lineal.store.connection import Store, StoreOpener

ClusterOpener = Callable[[], Cluster]
"""Says where the cluster is; can be pickled, which a TLS context cannot."""

_NICE = 5
"""Where all cores are busy, events are handled first and the ledger follows (man 2 nice)."""


class _Beside(NamedTuple):
    """What the process keeps open from call to call."""

    loop: asyncio.AbstractEventLoop
    store: Store


_beside: _Beside | None = None
_copying: AsyncGenerator[Appended, None] | None = None


def copy_beside(cluster: ClusterOpener, store: StoreOpener, source: Source) -> Appended:
    """:func:`copy` in a worker process, for ever, or until there is something to tell; called
    again it goes on where it was.

    Raises:
        As :func:`copy`.
    """
    global _beside, _copying
    if _beside is None:
        # What goes wrong is raised, and told by the worker in the form of its own log.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
        with contextlib.suppress(OSError):
            os.nice(_NICE)
        loop = asyncio.new_event_loop()
        _beside = _Beside(loop, loop.run_until_complete(store()))
    loop, opened = _beside
    if _copying is None:
        _copying = copy(cluster(), opened, source)
    try:
        return loop.run_until_complete(_until_told(_copying))
    except BaseException:
        _copying = None
        raise


async def _until_told(copying: AsyncGenerator[Appended, None]) -> Appended:
    async for appended in copying:
        if appended.unreadable or appended.changed:
            return appended
    raise AssertionError("what is copied for ever has no end")
