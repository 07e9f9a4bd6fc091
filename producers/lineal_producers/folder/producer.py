"""The folder watch as a producer: one process watches an inbox, others are on standby."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from lineal.producers import Producer

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)


class InboxProducer:
    """Watches the inbox of the settings, or is on standby while another process does."""

    def __init__(self, runtime: Runtime) -> None:
        from lineal_producers.folder.inbox_lock import InboxLock
        from lineal_producers.folder.watch import FolderWatch

        inbox = runtime.settings.inbox
        self._watch = FolderWatch(
            runtime,
            inbox,
            stable_seconds=runtime.settings.inbox_stable_seconds,
            unfinished_seconds=runtime.settings.inbox_unfinished_seconds,
        )
        self._lock = InboxLock(runtime.settings.data, inbox)
        self.standing_by = not self._lock.acquire()

    @property
    def problem(self) -> str | None:
        return self._watch.problem

    async def run(self) -> None:
        if self.standing_by:
            await self._lock.wait()
            self.standing_by = False
            log.info("folder.lock_acquired")
        try:
            await self._watch.run()
        finally:
            self._lock.release()


FOLDER = Producer("folder", "the folder watch", InboxProducer, lambda settings: True)
