"""The folder watch: of each inbox, one process watches it and others are on standby."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from lineal.errors import LinealError
from lineal.producers import Producer
from lineal_producers.folder.settings import FolderSettings, WatchedFolder

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)


class InboxesOverlap(LinealError, ValueError):
    """A folder to watch is another one, or lies in it: its files would have two owners."""


class InboxProducer:
    """Watches the inboxes of the settings, or is on standby while other processes do.

    Raises:
        InboxesOverlap, InboxIsData: see there.
        OSError: an inbox cannot be made.
    """

    def __init__(self, runtime: Runtime) -> None:
        folders = runtime.settings.section(FolderSettings).watched_folders
        roots = [folder.path.resolve() for folder in folders]
        _check_apart(roots)
        self._watches = [
            _Watch(runtime, folder, [other for other in roots if other != root])
            for folder, root in zip(folders, roots, strict=True)
        ]

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


class _Watch:
    """The watch of one inbox."""

    def __init__(self, runtime: Runtime, folder: WatchedFolder, others: Sequence[Path]) -> None:
        from lineal_producers.folder.inbox_lock import InboxLock
        from lineal_producers.folder.watch import FolderWatch

        settings = runtime.settings.section(FolderSettings)
        self._watch = FolderWatch(
            runtime,
            folder.path,
            stable_seconds=settings.inbox_stable_seconds,
            unfinished_seconds=settings.inbox_unfinished_seconds,
            owner=folder.owner,
            labels=folder.labels,
            others=others,
        )
        self._lock = InboxLock(runtime.settings.data, folder.path)
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


def _check_apart(roots: Sequence[Path]) -> None:
    for number, root in enumerate(roots):
        for other in roots[:number]:
            if root.is_relative_to(other) or other.is_relative_to(root):
                raise InboxesOverlap(
                    f"the inboxes {other} and {root} lie in each other: watch one of them"
                )


FOLDER = Producer(
    "folder",
    "the folder watch",
    InboxProducer,
    lambda settings: True,
    open_types=("document.arrived",),
)
