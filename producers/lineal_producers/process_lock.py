"""A lock that one process holds, so that only one does some work on a data folder."""

from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path
from typing import BinaryIO

_POLL_SECONDS = 1.0


class ProcessLock:
    """A lock that ends with the process that holds it, however that ends.

    Args:
        path: the file that is locked, made if missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Whether the work is ours from now on.

        Raises:
            OSError: the file cannot be made.
        """
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    async def wait(self) -> None:
        """Wait until the work is ours: the other process has ended."""
        while not self.acquire():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_POLL_SECONDS)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
