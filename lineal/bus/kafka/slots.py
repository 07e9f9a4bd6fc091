"""A worker's place: a name that a restarted process has again, and no second one at the same time.

Groups and transactions know a worker by it. A process that comes after a dead one takes its place:
its partitions at once, and what it left open is aborted.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Hashable
from hashlib import sha256
from pathlib import Path


class Slot:
    """The lowest place of this machine that no living process has.

    Args:
        folder: the data folder, which processes that could take each other's place share.
        name: None for the machine's.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str | None) -> None:
        if name is None:
            # Two data folders of a machine are two installations.
            place = sha256(str(folder.resolve()).encode()).hexdigest()[:6]
            name = f"{socket.gethostname()}-{place}"
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
        self._taken: dict[Hashable, set[int]] = {}

    def take(self, purpose: Hashable) -> int:
        """The lowest number that is not in use for a purpose: a process may work for a group more
        than once."""
        taken = self._taken.setdefault(purpose, set())
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        taken.add(number)
        return number

    def give_back(self, purpose: Hashable, number: int) -> None:
        """It is in use no longer."""
        self._taken[purpose].discard(number)

    def close(self) -> None:
        os.close(self._descriptor)
