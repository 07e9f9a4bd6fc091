"""Ingests files one after the other: checks, stores and announces them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import structlog

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.stages.retry import unavailable
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name, store
from lineal_producers.folder.candidates import Candidate, Candidates
from lineal_producers.folder.completeness import has_its_end
from lineal_producers.folder.seen_files import Fingerprint, SeenFiles
from lineal_producers.folder.settings import FolderSettings
from lineal_producers.folder.writers import Writers, writers_of
from lineal_producers.quota.usage import quota_problem
from lineal_producers.regular_files import FileDeleted, Unreadable, open_regular
from lineal_producers.settings import ArrivalSettings

log = structlog.get_logger(__name__)

_ACTOR = "process:folder"
_MAX_PAUSE_SECONDS = 15.0
_ATTEMPTS = 5
_LOOK_AGAIN_SECONDS = 0.5
_AFTERWARDS = 0.01
_GONE_SECONDS = 1.0
"""Longer than a notification may take."""


class _Opened(NamedTuple):
    status: os.stat_result
    file: BinaryIO
    writers: Writers


class _Rejected(NamedTuple):
    status: os.stat_result
    problem: str


class Ingester:
    """Ingests the candidates of a folder, a few at a time.

    Args:
        root: no file outside of it is read; a path without links.
        stable_seconds: how long a file must have been unchanged.
        unfinished_seconds: the same for a file that is empty or lacks the end of its kind.
        owner: whose the files are; with ``labels``, said of every arrival.
        on_arrival: called with each arrival.
    """

    def __init__(
        self,
        runtime: Runtime,
        root: Path,
        candidates: Candidates,
        seen_files: SeenFiles,
        *,
        stable_seconds: float,
        unfinished_seconds: float,
        owner: str | None,
        labels: Mapping[str, str],
        on_arrival: Callable[[Arrival], None] | None,
    ) -> None:
        self._runtime = runtime
        self._root = root
        self._candidates = candidates
        self._seen_files = seen_files
        self._settle = stable_seconds
        self._unfinished = unfinished_seconds
        self._owner = owner
        self._labels = labels
        self._on_arrival = on_arrival
        self.problem: str | None = None
        """What keeps files from being taken at present."""

    async def run(self) -> None:
        """Take one candidate after the other, until cancelled; may be run several times at once."""
        while True:
            candidate = await self._candidates.next()
            try:
                again = await self._ingest(candidate)
            except Exception as error:
                again = await self._failed(candidate, error)
            if again is None:
                self._candidates.finish(candidate)
            else:
                self._candidates.requeue(candidate, again)

    async def reject_deleted(self, path: Path, now_ns: int) -> None:
        """Announce a file that was deleted before it could be read."""
        await self._announce_gone(path, Fingerprint(0, 0, now_ns))

    async def _ingest(self, candidate: Candidate) -> float | None:
        """Take a file that seems to be finished; returns in how many seconds to look again."""
        path = candidate.path
        try:
            opened = await asyncio.to_thread(self._open, path)
        except FileDeleted:
            return await self._missing(candidate)
        if self._seen_files.is_seen(path, opened.status):
            # It was being taken while it was seen once more.
            if isinstance(opened, _Opened):
                opened.file.close()
            return None
        candidate.gone = False
        seen = Fingerprint.of(opened.status)
        if isinstance(opened, _Rejected):
            if seen != candidate.fingerprint:
                return self._changed(candidate, seen)
            rejected = Fingerprint.of_rejected(opened.status)
            await self._reject(path, rejected, opened.problem)
            return None
        with opened.file as file:
            if seen != candidate.fingerprint:
                return self._changed(candidate, seen)
            if opened.writers == "some" or (
                opened.writers == "unknown" and not candidate.unchanged
            ):
                candidate.unchanged = True
                return self._settle
            if (wait := self._unfinished_wait(opened)) > 0:
                return wait
            before = Fingerprint.of(os.fstat(file.fileno()))
            problem = await quota_problem(self._runtime, self._owner, opened.status.st_size)
            if problem is not None:
                await self._reject(path, Fingerprint.of_rejected(opened.status), problem)
                return None
            content = await store(self._runtime, file)
            if Fingerprint.of(os.fstat(file.fileno())) != before:
                return self._changed(candidate, seen)
        origin = self._origin(path, seen)
        self._arrived(await self._seen_files.announce(path, seen, origin, content=content))
        return None

    def _unfinished_wait(self, opened: _Opened) -> float:
        """How many seconds a file without the end of its kind may still get one; not above 0 for
        one that has it. Looked at again meanwhile, as it may be finished at any moment."""
        age = time.time() - opened.status.st_mtime
        left = self._unfinished - age
        if left <= 0 or has_its_end(opened.file):
            return 0.0
        return min(left + _AFTERWARDS, max(self._settle, _LOOK_AGAIN_SECONDS))

    def _changed(self, candidate: Candidate, seen: Fingerprint) -> float:
        candidate.fingerprint, candidate.unchanged = seen, False
        return self._settle

    def _open(self, path: Path) -> _Opened | _Rejected:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileDeleted from error
        limit = self._runtime.settings.section(FolderSettings).inbox_file_mb
        if status.st_size > limit << 20:
            return _Rejected(
                status, f"the file is larger than {limit} MB: raise inbox_file_mb in lineal.toml"
            )
        try:
            file = open_regular(path, within=self._root)
        except FileDeleted:
            raise
        except Unreadable as error:
            return _Rejected(status, str(error))
        return _Opened(status, file, writers_of(file.fileno()))

    async def _missing(self, candidate: Candidate) -> float | None:
        if not candidate.gone:
            # Perhaps it has only been renamed: its new name will be seen by then.
            candidate.gone = True
            return _GONE_SECONDS
        inode = candidate.fingerprint.inode
        renamed = self._candidates.holds_inode(inode, but=candidate.path)
        if not renamed and not self._seen_files.holds_inode(inode):
            await self._announce_gone(candidate.path, candidate.fingerprint)
        return None

    async def _failed(self, candidate: Candidate, error: Exception) -> float | None:
        """The file stays where it is and is tried again: until there is room where the disk is
        full, a few times where the file itself may be unreadable."""
        candidate.failures += 1
        self.problem = f"files cannot be taken from the inbox: {error}"
        log.warning("folder.ingest_failed", error=repr(error), failures=candidate.failures)
        hopeless = isinstance(error, OSError) and not unavailable(error)
        if hopeless and candidate.failures >= _ATTEMPTS:
            try:
                status = candidate.path.lstat()
                rejected = Fingerprint.of_rejected(status)
                await self._reject(
                    candidate.path, rejected, f"the file cannot be read: {_reason(error)}"
                )
            except (OSError, LinealError) as next_error:
                log.warning("folder.reject_failed", error=repr(next_error))
            else:
                return None
        return float(min(2.0 ** min(candidate.failures - 1, 8), _MAX_PAUSE_SECONDS))

    async def _reject(self, path: Path, fingerprint: Fingerprint, problem: str) -> None:
        origin = self._origin(path, fingerprint)
        self._arrived(await self._seen_files.announce(path, fingerprint, origin, problem=problem))

    async def _announce_gone(self, path: Path, fingerprint: Fingerprint) -> None:
        origin = self._origin(path, fingerprint)
        self._arrived(await announce(self._runtime, origin, problem=str(FileDeleted())))

    def _origin(self, path: Path, fingerprint: Fingerprint) -> ArrivalSource:
        source = path.as_uri()
        return ArrivalSource(
            name=readable_name(path.name),
            source=source,
            actor=_ACTOR,
            occurrence=f"{source}\n{fingerprint.modified_ns}\n{fingerprint.inode}",
            tenant=self._runtime.settings.section(ArrivalSettings).tenant,
            owner=self._owner,
            labels=self._labels,
        )

    def _arrived(self, arrival: Arrival) -> None:
        self.problem = None
        log.info("folder.ingested", document=arrival.document_id, arrival=arrival.event_id)
        if self._on_arrival is not None:
            self._on_arrival(arrival)


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    return (said or "input/output error").lower()
