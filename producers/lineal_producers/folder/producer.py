"""The folder watch: of each inbox, one process watches it and others are on standby."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.errors import LinealError
from lineal.producers import Producer
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.folder.settings import FolderSettings, WatchedFolder

if TYPE_CHECKING:
    from lineal.runtime import Runtime


class InboxesOverlap(LinealError, ValueError):
    """A folder to watch is another one, or lies in it: its files would have two owners."""


class InboxProducer(ExclusiveWatches):
    """Watches the inboxes of the settings, or is on standby while other processes do.

    Raises:
        InboxesOverlap, InboxIsData: see there.
        OSError: an inbox cannot be made.
    """

    def __init__(self, runtime: Runtime) -> None:
        folders = runtime.settings.section(FolderSettings).watched_folders
        roots = [folder.path.resolve() for folder in folders]
        _check_apart(roots)
        super().__init__(
            [
                _watch(runtime, folder, [other for other in roots if other != root])
                for folder, root in zip(folders, roots, strict=True)
            ]
        )


def _watch(runtime: Runtime, folder: WatchedFolder, others: Sequence[Path]) -> ExclusiveWatch:
    from lineal_producers.folder.inbox_lock import InboxLock
    from lineal_producers.folder.watch import FolderWatch

    settings = runtime.settings.section(FolderSettings)
    watch = FolderWatch(
        runtime,
        folder.path,
        stable_seconds=settings.inbox_stable_seconds,
        unfinished_seconds=settings.inbox_unfinished_seconds,
        owner=folder.owner,
        labels=folder.labels,
        others=others,
    )
    return ExclusiveWatch("folder", watch, InboxLock(runtime.settings.data, folder.path))


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
