"""Watches that one process runs each, as one producer; other processes are on standby."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from lineal_producers.process_lock import ProcessLock

log = structlog.get_logger(__name__)


class Watch(Protocol):
    """What looks at one source until it is cancelled."""

    @property
    def problem(self) -> str | None: ...

    async def run(self) -> None: ...


class ExclusiveWatch:
    """A watch that is run while its lock is this process's, and waits for it until then.

    Args:
        producer: whose watch it is, for the log.

    Raises:
        OSError: the lock's file cannot be made.
    """

    def __init__(self, producer: str, watch: Watch, lock: ProcessLock) -> None:
        self._producer = producer
        self._watch = watch
        self._lock = lock
        self.standing_by = not lock.acquire()

    @property
    def problem(self) -> str | None:
        return self._watch.problem

    async def run(self) -> None:
        if self.standing_by:
            await self._lock.wait()
            self.standing_by = False
            log.info(f"{self._producer}.lock_acquired")
        try:
            await self._watch.run()
        finally:
            self._lock.release()


class ExclusiveWatches:
    """Runs watches side by side; on standby while other processes have all of them."""

    def __init__(self, watches: Sequence[ExclusiveWatch]) -> None:
        self._watches = watches

    @property
    def standing_by(self) -> bool:
        return all(watch.standing_by for watch in self._watches)

    @property
    def problem(self) -> str | None:
        return "; ".join(watch.problem for watch in self._watches if watch.problem) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())
