"""Remembers the files that were ingested, so that a restart reads none again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lineal.effects.effect import Effect
from lineal.runtime import Runtime
from lineal_producers.arrival import Arrival, ArrivalSource, announce
from lineal_producers.folder.effects import FileIngested
from lineal_schemas.objects import ObjectRef


class Fingerprint(NamedTuple):
    """Tells one state of a file from another without reading it."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def of_rejected(cls, status: os.stat_result) -> Fingerprint:
        """That of a file which could not be read. It holds the time of the last change of any
        kind (negative, to be told from a modification), so that a file whose permissions are put
        right is tried again."""
        return cls(status.st_ino, status.st_size, -status.st_ctime_ns)


class SeenFiles:
    """The table ``watched_files``: the fingerprint of each path when it was last taken.

    Args:
        others: folders whose files are those of other watches.

    Looks into it with a connection of its own, so it may be asked outside of the event loop.
    """

    def __init__(self, runtime: Runtime, others: Collection[Path] = ()) -> None:
        self._runtime = runtime
        self._others = tuple(others)
        self._database = runtime.database
        self._reader = self._database.reading_connection()
        self._with_events = (
            runtime.bus.capabilities.transactional_effects and runtime.store is runtime.database
        )
        """Whether a file is noted in the transaction that has its event."""

    def close(self) -> None:
        self._reader.close()

    def is_seen(self, path: Path, status: os.stat_result) -> bool:
        """Whether this state of the file has been taken (or refused) under this path."""
        row = self._reader.execute(
            "SELECT inode, size, modified_ns FROM watched_files WHERE path = ?",
            (os.fsencode(path),),
        ).fetchone()
        return row is not None and row in (Fingerprint.of(status), Fingerprint.of_rejected(status))

    def is_renamed(self, status: os.stat_result) -> bool:
        """Whether the same file in the same state was taken under another path."""
        rows = self._reader.execute(
            "SELECT path FROM watched_files WHERE inode = ? AND size = ? AND modified_ns = ?",
            Fingerprint.of(status),
        )
        return any(self._is_own(Path(os.fsdecode(path))) for (path,) in rows)

    def _is_own(self, path: Path) -> bool:
        return not any(path.is_relative_to(other) for other in self._others)

    def holds_inode(self, inode: int) -> bool:
        """Whether a file with this inode was taken, in whatever state."""
        row = self._reader.execute(
            "SELECT 1 FROM watched_files WHERE inode = ?", (inode,)
        ).fetchone()
        return row is not None

    def missing(self, root: Path) -> list[Path]:
        """Taken files below ``root`` that are not there any more."""
        prefix = os.fsencode(root).rstrip(b"/")
        rows = self._reader.execute(
            "SELECT path FROM watched_files WHERE path > ? AND path < ?",
            (prefix + b"/", prefix + b"0"),  # "0" comes right after "/"
        )
        return [Path(os.fsdecode(path)) for (path,) in rows if not os.path.lexists(path)]

    async def announce(
        self,
        path: Path,
        fingerprint: Fingerprint,
        origin: ArrivalSource,
        *,
        content: ObjectRef | None = None,
        problem: str | None = None,
    ) -> Arrival:
        """Announce a file and note it as taken.

        Raises:
            As :func:`lineal_producers.arrival.announce`.
        """
        effects: list[Effect] = []
        if self._with_events:
            effects.append(FileIngested(os.fsencode(path), *fingerprint))
        arrival = await announce(
            self._runtime, origin, content=content, problem=problem, effects=effects
        )
        if not self._with_events:
            # The event before the note: a crash in between announces the same arrival once more,
            # under the same id; the other way round it would be lost.
            await self.remember(path, fingerprint)
        return arrival

    async def remember(self, path: Path, fingerprint: Fingerprint) -> None:
        """Note a file as taken."""
        row = (os.fsencode(path), *fingerprint)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO watched_files VALUES (?, ?, ?, ?)", row)

        await self._database.write(write)

    async def forget(self, paths: list[Path]) -> None:
        """Forget files, so that they are taken when they come back."""
        rows = [(os.fsencode(path),) for path in paths]
        if not rows:
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM watched_files WHERE path = ?", rows)

        await self._database.write(write)
