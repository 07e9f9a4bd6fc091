"""Handles a share of a replay in another process."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from importlib import import_module
from typing import NamedTuple, Self

import uvloop

from lineal.bus.protocol import Selection
from lineal.observability.logging import configure_logging
from lineal.replay.handling import Count, replay_events
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal.workers.errors import WorkerCrashed
from lineal.workers.pool import WorkerPool, worker_pool

_REPORT_SECONDS = 0.5
MIN_EVENTS = 10_000
"""Of a process: to start one takes half a second."""


class Share(NamedTuple):
    """What a process takes of a replay."""

    settings: Settings
    stage: str
    """``module:name`` of the stage."""
    selection: Selection


def import_path(stage: Stage) -> str | None:
    """Where another process finds a stage; None where it cannot."""
    function = stage.function
    module, name = function.__module__, function.__qualname__
    found = getattr(sys.modules.get(module), name, None)
    return f"{module}:{name}" if found is stage and module != "__main__" else None


class Processes:
    """Processes that take shares of replays, each one share.

    Args:
        limit: how many may handle the events of a replay, this process included.
        min_events: how many one of them is worth.
    """

    def __init__(self, limit: int, min_events: int = MIN_EVENTS) -> None:
        self.limit = limit
        self.min_events = min_events
        self._ready: list[WorkerPool] = []

    def share_count(self, events: int, partitions: int) -> int:
        """How many processes should share so many events, this one included."""
        return max(1, min(self.limit, events // self.min_events, partitions))

    def expect(self, events: int, partitions: int) -> None:
        """Start as many processes as so many events justify, while the events are still being
        counted."""
        while len(self._ready) < self.share_count(events, partitions) - 1:
            self._ready.append(_started())

    async def handle(self, share: Share, count: Count) -> None:
        """Have a share handled by another process.

        Raises:
            WorkerCrashed: the process died.
            Exception: as :func:`replay_events`.
        """
        pool = self._ready.pop() if self._ready else _started()
        try:
            await pool.run(_begin, share)
            while (outcomes := await pool.run(_next_outcomes)) is not None:
                count(outcomes)
        except WorkerCrashed as error:
            raise WorkerCrashed(
                f"a process of the replay died ({error}): run it again, what it did is remembered"
            ) from error
        finally:
            await pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End those that were not needed."""
        await asyncio.gather(*(pool.close() for pool in self._ready))


async def shared_partitions(runtime: Runtime, stage: Stage) -> int:
    """How many partitions a replay of a stage has for processes to share, so that the order of
    every key is kept.

    One where events have no partitions or are written by one process at a time, where a stage has
    state, which is not of one partition, and where its topics are not partitioned alike.
    """
    capabilities = runtime.bus.capabilities
    if (
        not capabilities.partitions
        or capabilities.applies_effects
        or not stage.memo
        or stage.fan_in
        or import_path(stage) is None
    ):
        return 1
    topics = {payload.type for payload in stage.inputs}
    counts = {info.partitions for info in await runtime.bus.topics() if info.topic in topics}
    return counts.pop() if len(counts) == 1 else 1


def _started() -> WorkerPool:
    pool = WorkerPool(1, warm_up=(f"{__name__}:{_imported.__name__}",))
    pool.start()
    return pool


def _imported() -> None:
    """By now this module is, with all that a share needs."""


_loop: asyncio.AbstractEventLoop | None = None
_outcomes: AsyncGenerator[Mapping[str, int] | None, None] | None = None
"""The replay that the process has begun; it continues with each request for its progress."""


def _begin(share: Share) -> None:
    global _loop, _outcomes
    configure_logging("error", share.settings.log_format)
    _loop = uvloop.new_event_loop()
    _outcomes = _handle(share)


def _next_outcomes() -> Mapping[str, int] | None:
    assert _loop is not None
    assert _outcomes is not None
    return _loop.run_until_complete(anext(_outcomes, None))


async def _handle(share: Share) -> AsyncGenerator[Mapping[str, int] | None, None]:
    module, _, name = share.stage.partition(":")
    stage = getattr(import_module(module), name)
    workers = worker_pool(share.settings)
    workers.start()
    counted: Counter[str] = Counter()
    try:
        async with open_runtime(share.settings) as runtime:
            handling = asyncio.create_task(
                replay_events(runtime, stage, share.selection, workers, counted.update)
            )
            while not handling.done():
                await asyncio.wait((handling,), timeout=_REPORT_SECONDS)
                outcomes = dict(counted)
                counted.clear()
                yield outcomes
            await handling
            # Closing waits for the ledger, and so does whoever asked.
            yield None
    finally:
        await workers.close()
