"""Files that are dropped into a folder, one after the other, and put aside when they are taken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

DONE, FAILED = "done", "failed"


class DroppedFile(NamedTuple):
    """One file, by what tells it from another of the same name."""

    path: Path
    inode: int
    mtime_ns: int
    size: int

    @classmethod
    def at(cls, path: Path) -> DroppedFile:
        """The file that is there now.

        Raises:
            FileNotFoundError: there is none.
        """
        stat = path.stat()
        return cls(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)

    @property
    def identity(self) -> list[object]:
        """For a position: JSON values."""
        return [self.path.name, self.inode, self.mtime_ns, self.size]


class DropFolder:
    """Names the files in a folder that are whole, the oldest first.

    A file is whole when nobody has written to it for ``quiet_seconds``. One that is written under
    a name the pattern does not fit, such as ``.part``, and renamed cannot be taken too early.
    """

    def __init__(self, folder: Path, pattern: str, *, quiet_seconds: float, poll: float) -> None:
        """``pattern``: of names, ``*`` stands for anything; times in seconds."""
        self._folder = folder
        self._pattern = pattern
        self._quiet_seconds = quiet_seconds
        self._poll = poll
        self._lock = threading.Lock()
        self._taken: set[tuple[object, ...]] = set()

    def files(self, stopped: threading.Event) -> Iterator[DroppedFile]:
        """Files as they are whole, each once until it is put aside."""
        while not stopped.is_set():
            file = self._next()
            if file is None:
                stopped.wait(self._poll)
            else:
                with self._lock:
                    self._taken.add(tuple(file.identity))
                yield file

    def _next(self) -> DroppedFile | None:
        found = []
        for path in self._folder.glob(self._pattern):
            try:
                file = DroppedFile.at(path)
            except FileNotFoundError:
                continue  # taken away meanwhile
            if path.is_file() and tuple(file.identity) not in self._taken:
                found.append(file)
        found.sort(key=lambda file: (file.mtime_ns, file.path.name))
        quiet_since = time.time_ns() - int(self._quiet_seconds * 1e9)
        # the oldest decides: a newer one does not overtake it while it is still being written
        return found[0] if found and found[0].mtime_ns <= quiet_since else None

    def archive(self, file: DroppedFile, where: str) -> None:
        """Move a file to a folder beside it, unless another has taken its name."""
        with self._lock:
            self._taken.discard(tuple(file.identity))
            try:
                if DroppedFile.at(file.path).identity != file.identity:
                    return
            except FileNotFoundError:
                return
            folder = self._folder / where
            folder.mkdir(exist_ok=True)
            target, number = folder / file.path.name, 1
            while target.exists():
                number += 1
                target = folder / f"{file.path.stem}-{number}{file.path.suffix}"
            file.path.rename(target)
            log.info("%s is taken: it is in %s now", file.path.name, folder)
