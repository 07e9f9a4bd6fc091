"""Checkpoint files in a directory outside the database.

``checkpoint`` is the newest. What was signed before is kept beside it: everything of the last day,
and the last of every hour from then on.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

NEWEST = "checkpoint"
_KEPT = re.compile(r"([0-9]{19})-([0-9]{8}T[0-9]{2})[0-9]{4}Z\.checkpoint")
_DAY_SECONDS = 86_400


class CheckpointFile(NamedTuple):
    """A checkpoint that was kept."""

    path: Path
    size: int
    """As its name says."""
    hour: str


class OutsideCheckpoints(NamedTuple):
    """The content of a directory of checkpoints at one time."""

    newest: bytes | None = None
    kept: tuple[tuple[str, int, bytes], ...] = ()
    """Name of the file, size as it says, and the note."""


class CheckpointFiles:
    """A directory of checkpoints, made when the first is put there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def newest(self) -> bytes | None:
        """The newest checkpoint.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return (self.directory / NEWEST).read_bytes()
        except FileNotFoundError:
            return None

    def kept(self) -> list[CheckpointFile]:
        """Those that were kept, by their size."""
        return sorted(self._kept(), key=lambda item: (item.size, item.path.name))

    def load(self) -> OutsideCheckpoints:
        """All of them.

        Raises:
            OSError: one cannot be read.
        """
        kept = [(item.path.name, item.size, item.path.read_bytes()) for item in self.kept()]
        return OutsideCheckpoints(self.newest(), tuple(kept))

    def put(self, note: bytes, size: int, *, keep: bool) -> None:
        """Write the newest checkpoint; durable on return.

        Args:
            keep: whether to keep a copy under a name of its own.

        Raises:
            OSError: it cannot be written.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if keep:
            when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            write_durably(self.directory / f"{size:019}-{when}.checkpoint", note)
        write_durably(self.directory / NEWEST, note)

    def sweep(self) -> None:
        """Remove those older than a day that are not the last of their hour.

        Raises:
            OSError: they cannot be removed.
        """
        young = time.strftime("%Y%m%dT%H", time.gmtime(time.time() - _DAY_SECONDS))
        last: dict[str, CheckpointFile] = {}
        for item in self.kept():
            if item.hour < young:
                if item.hour in last:
                    last[item.hour].path.unlink(missing_ok=True)
                last[item.hour] = item

    def _kept(self) -> Iterator[CheckpointFile]:
        if not self.directory.is_dir():
            return
        for path in self.directory.iterdir():
            found = _KEPT.fullmatch(path.name)
            if found is not None:
                yield CheckpointFile(path, int(found[1]), found[2])


def write_durably(target: Path, data: bytes) -> None:
    """Write a file that is there as a whole, or as it was before; durable on return.

    Raises:
        OSError: it cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
