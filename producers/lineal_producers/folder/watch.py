"""Watches a folder, by notifications and by a scan every few seconds."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import structlog

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival
from lineal_producers.folder.candidates import Candidate, Candidates
from lineal_producers.folder.ingest import Ingester
from lineal_producers.folder.names import is_ignored
from lineal_producers.folder.seen_files import Fingerprint, SeenFiles
from lineal_producers.folder.walk import walk

if TYPE_CHECKING:
    from watchfiles import Change

log = structlog.get_logger(__name__)

_TAKERS = 4
_BATCH_SIZE = 500
_MAX_CANDIDATES = 10_000
_SCAN_SHARE = 20
"""A scan that takes long is made less often: at most one twentieth of the time."""
_PAUSE_SECONDS = 0.2

Seen = tuple[Path, os.stat_result]


class InboxIsData(LinealError, ValueError):
    """The folder to watch is the one lineal keeps its own files in."""


class InboxVanished(LinealError, OSError):
    """The folder is not there any more."""


class FolderWatch:
    """Takes every file below a folder once it has stopped growing.

    A file has stopped growing when its size and modification time have been the same for
    ``stable_seconds`` and, where the system can tell, no process has it open for writing. One that
    is empty, or lacks the end that files of its kind have, is given ``unfinished_seconds``. Files
    stay where they are; a changed one is a new arrival, a moved or renamed one is not. The data
    folder, should it lie in there, is left alone.

    Args:
        inbox: made if missing.
        owner: whose the files are; with ``labels``, said of every arrival.
        others: folders that are watched beside it. What was taken from one of them and is moved
            here is a new arrival: it may have got another owner.
        on_arrival: called with each arrival.

    Raises:
        InboxIsData: see there.
        OSError: the inbox cannot be made.
    """

    def __init__(
        self,
        runtime: Runtime,
        inbox: Path,
        *,
        stable_seconds: float = 0.5,
        unfinished_seconds: float = 10.0,
        scan_seconds: float = 5.0,
        owner: str | None = None,
        labels: Mapping[str, str] = MappingProxyType({}),
        others: Collection[Path] = (),
        on_arrival: Callable[[Arrival], None] | None = None,
    ) -> None:
        inbox.mkdir(parents=True, exist_ok=True)
        self._root = inbox.resolve()
        own = runtime.settings.data.resolve()
        if own == self._root:
            raise InboxIsData("the inbox is the data folder: name another one with --inbox")
        # What is kept there must not be taken for a new file.
        self._own = own if own.is_relative_to(self._root) else None
        self._settle = stable_seconds
        self._scan_seconds = scan_seconds
        self._candidates = Candidates(_MAX_CANDIDATES)
        # One for each of those that look into it at the same time.
        self._in_scan = SeenFiles(runtime, others)
        self._in_listening = SeenFiles(runtime, others)
        self._in_taking = SeenFiles(runtime, others)
        self._ingester = Ingester(
            runtime,
            self._root,
            self._candidates,
            self._in_taking,
            stable_seconds=stable_seconds,
            unfinished_seconds=unfinished_seconds,
            owner=owner,
            labels=labels,
            on_arrival=on_arrival,
        )
        self._root_moved = asyncio.Event()
        self._scan_wanted = asyncio.Event()
        self._scanned = False
        self._scan_problem: str | None = None
        self._watched: tuple[int, int] | None = None
        """Device and inode of the folder that notifications come from."""

    @property
    def problem(self) -> str | None:
        """What keeps files from being taken at present."""
        return self._scan_problem or self._ingester.problem

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._scan_for_ever())
                for _ in range(_TAKERS):
                    group.create_task(self._ingester.run())
        finally:
            self._in_scan.close()
            self._in_listening.close()
            self._in_taking.close()

    async def _scan_for_ever(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self._scan()
                self._scan_problem = None
            except (OSError, LinealError) as error:
                self._scan_problem = f"the inbox cannot be read: {error}"
                log.warning("folder.scan_failed", error=str(error))
            pause = max(self._scan_seconds, (time.monotonic() - begun) * _SCAN_SHARE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._scan_wanted.wait()
            self._scan_wanted.clear()

    async def _scan(self) -> None:
        if not self._root.is_dir():
            # Not made anew: what people drop into the folder of that name would go elsewhere, and
            # a volume that is not mounted would look like an empty inbox.
            self._root_moved.set()
            raise InboxVanished(f"{self._root} is gone: make or mount it again")
        if self._watched not in (None, _identity(self._root)):
            self._root_moved.set()  # and another folder put in its place
        os.scandir(self._root).close()  # raises if it cannot be read; a walk leaves that out
        found = walk(self._root, leave_out=self._own)
        while batch := await asyncio.to_thread(_first, found, _BATCH_SIZE):
            await self._consider(batch, self._in_scan)
            await self._candidates.room()
        if not self._scanned:
            # Only after a whole scan: until then what is missing may have been renamed.
            missing = await asyncio.to_thread(self._in_scan.missing, self._root)
            await self._in_scan.forget(missing)
            self._scanned = True

    async def _listen(self) -> None:
        # Imported here because the other users of this package need none of it.
        from watchfiles import awatch

        while True:
            self._root_moved.clear()
            try:
                self._watched = _identity(self._root)
                async for changes in awatch(
                    self._root,
                    watch_filter=None,
                    debounce=200,
                    step=50,
                    stop_event=self._root_moved,
                    ignore_permission_denied=True,
                ):
                    await self._notice(changes)
            except (OSError, RuntimeError, ExceptionGroup, LinealError) as error:
                # Out of watches, or a name that is not UTF-8: that ends the notifications, and
                # those of the same moment are lost. A scan makes up for it.
                log.warning("folder.notifications_interrupted", error=repr(error))
                self._scan_wanted.set()
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _notice(self, changes: set[tuple[Change, str]]) -> None:
        from watchfiles import Change

        if (Change.deleted, str(self._root)) in changes:
            # A new one in its place can have the same inode: no scan would see the difference.
            self._root_moved.set()
            self._scan_wanted.set()
        noticed = [Path(name) for change, name in changes if change != Change.deleted]
        real = await asyncio.to_thread(_real_paths, noticed)
        added = {
            real[path]
            for change, name in changes
            if change == Change.added and (path := Path(name)) in real
        }
        found = await asyncio.to_thread(lambda: list(self._look_at(set(real.values()))))
        if not self._candidates.full:  # else they are left to the next scan
            await self._consider(found, self._in_listening)
        if not added.intersection(path for path, _ in found):
            for path in await asyncio.to_thread(lambda: list(self._vanished(added))):
                await self._ingester.reject_deleted(path, time.time_ns())

    def _look_at(self, paths: Collection[Path]) -> Iterator[Seen]:
        folders = set()
        for path in paths:
            if self._ignores(path):
                continue
            try:
                status = path.lstat()
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.add(path)
            else:
                yield path, status
        for folder in folders:
            yield from walk(folder, leave_out=self._own)

    def _vanished(self, added: Iterable[Path]) -> Iterator[Path]:
        """Files that were deleted before they could be read. (One that vanished while others came
        may have been renamed to one of them, so then nobody asks.)"""
        for path in added:
            if not self._ignores(path) and not os.path.lexists(path):
                yield path

    def _ignores(self, path: Path) -> bool:
        # Notifications also come for what is behind linked folders: not ours.
        if not path.is_relative_to(self._root):
            return True
        parts = path.relative_to(self._root).parts
        own = self._own is not None and path.is_relative_to(self._own)
        return own or any(is_ignored(part) for part in parts)

    async def _consider(self, found: Collection[Seen], seen_files: SeenFiles) -> None:
        sorted_out = await asyncio.to_thread(_sort_out, found, seen_files)
        for path, status in sorted_out.renamed:
            await seen_files.remember(path, Fingerprint.of(status))
        loop_now, now = asyncio.get_running_loop().time(), time.time()
        for path, status in sorted_out.new:
            wait = min(max(0.0, status.st_mtime + self._settle - now), self._settle)
            self._candidates.add(Candidate(path, Fingerprint.of(status), loop_now + wait))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _real_paths(paths: Iterable[Path]) -> dict[Path, Path]:
    """The same paths with no links in their folders. The system knows a folder by one path only:
    one that is also linked to from below the root may be reported by that other path."""
    folders: dict[Path, Path] = {}
    real = {}
    for path in paths:
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        real[path] = folders[path.parent] / path.name
    return real


class _SortedOut(NamedTuple):
    new: list[Seen]
    renamed: list[Seen]


def _first(found: Iterator[Seen], limit: int) -> list[Seen]:
    return list(itertools.islice(found, limit))


def _sort_out(found: Collection[Seen], seen_files: SeenFiles) -> _SortedOut:
    sorted_out = _SortedOut([], [])
    for path, status in found:
        if seen_files.is_seen(path, status):
            continue
        renamed = seen_files.is_renamed(status)
        (sorted_out.renamed if renamed else sorted_out.new).append((path, status))
    return sorted_out
