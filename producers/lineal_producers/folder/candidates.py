"""Files that were seen and may not be complete yet."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass
from pathlib import Path

from lineal_producers.folder.seen_files import Fingerprint


@dataclass(slots=True)
class Candidate:
    """A file waiting to be ingested.

    Attributes:
        unchanged: whether it was seen in this state before, a stable time ago.
        failures: how often taking it has failed.
        gone: whether it was missing when it was last looked at.
    """

    path: Path
    fingerprint: Fingerprint
    due: float
    unchanged: bool = False
    failures: int = 0
    gone: bool = False


class Candidates:
    """Candidates by path, handed out when they are due, each to one taker at a time.

    Times are those of the event loop's clock.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: dict[Path, Candidate] = {}
        self._busy: dict[Path, Candidate] = {}
        self._heap: list[tuple[float, int, Candidate]] = []
        self._number = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __contains__(self, path: Path) -> bool:
        return path in self._waiting or path in self._busy

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    @property
    def full(self) -> bool:
        return len(self) >= self._capacity

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self.full:
            self._room.clear()
            await self._room.wait()

    def add(self, candidate: Candidate) -> None:
        """Schedule a candidate; one that is being ingested or is scheduled already stays as it
        is."""
        if candidate.path not in self:
            self._schedule(candidate)

    async def next(self) -> Candidate:
        """The next candidate that is due; it is the caller's until put off or finished."""
        while True:
            now = asyncio.get_running_loop().time()
            if self._heap and self._heap[0][0] <= now:
                candidate = heapq.heappop(self._heap)[2]
                del self._waiting[candidate.path]
                self._busy[candidate.path] = candidate
                return candidate
            self._changed.clear()
            try:
                async with asyncio.timeout(self._heap[0][0] - now if self._heap else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def requeue(self, candidate: Candidate, seconds: float) -> None:
        """Hand a candidate out again later."""
        del self._busy[candidate.path]
        candidate.due = asyncio.get_running_loop().time() + seconds
        self._schedule(candidate)

    def finish(self, candidate: Candidate) -> None:
        """The candidate is dealt with."""
        del self._busy[candidate.path]
        self._room.set()

    def holds_inode(self, inode: int, *, but: Path) -> bool:
        """Whether another candidate is the same file under another name."""
        return any(
            candidate.fingerprint.inode == inode and candidate.path != but
            for held in (self._waiting, self._busy)
            for candidate in held.values()
        )

    def _schedule(self, candidate: Candidate) -> None:
        self._number += 1
        self._waiting[candidate.path] = candidate
        heapq.heappush(self._heap, (candidate.due, self._number, candidate))
        self._changed.set()
