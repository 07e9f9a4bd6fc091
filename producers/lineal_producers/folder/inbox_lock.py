"""A lock, so that only one process watches an inbox of a data folder."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

_POLL_SECONDS = 1.0


class InboxLock:
    """A lock that ends with the process that holds it, however that ends.

    The inbox is made if missing: one folder must have one lock, by whatever path it is named.

    Raises:
        OSError: the inbox cannot be made.
    """

    def __init__(self, data: Path, inbox: Path) -> None:
        inbox.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(inbox.resolve())).hexdigest()[:16]
        self._path = data / f"inbox-{name}.lock"
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Whether the inbox is ours to watch from now on."""
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    async def wait(self) -> None:
        """Wait until the inbox is ours: the other process has ended."""
        while not self.acquire():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_POLL_SECONDS)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
