"""A static member id (``group.instance.id``, KIP-345) that a restarted process has again, and no
two processes at the same time.

Groups and transactions know a worker by it: a process that replaces a dead one is assigned its
partitions at once, and aborts the transactions that it left open.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Hashable
from hashlib import sha256
from pathlib import Path


class StaticMemberId:
    """A name with the lowest number that no living process of this machine has.

    The number is that of a locked file below ``folder``; the kernel releases the lock when the
    process dies.

    Args:
        folder: shared by the processes that may replace each other.
        name: None for the host's name and the folder.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str | None) -> None:
        if name is None:
            # Two folders of a machine are two installations.
            digest = sha256(str(folder.resolve()).encode()).hexdigest()[:6]
            name = f"{socket.gethostname()}-{digest}"
        directory = folder / "slots"
        directory.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            descriptor = os.open(directory / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.close(descriptor)
                number += 1
        self._descriptor = descriptor
        self.name = f"{name}-{number}"
        self._acquired: dict[Hashable, set[int]] = {}

    def acquire(self, group: Hashable) -> int:
        """The lowest number that is free in a group: a process may have several members in it."""
        acquired = self._acquired.setdefault(group, set())
        number = next(n for n in range(len(acquired) + 1) if n not in acquired)
        acquired.add(number)
        return number

    def release(self, group: Hashable, number: int) -> None:
        """Free a number."""
        self._acquired[group].discard(number)

    def close(self) -> None:
        os.close(self._descriptor)
