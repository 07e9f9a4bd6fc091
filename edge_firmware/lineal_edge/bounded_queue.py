"""A bounded queue between the sampler, which must not wait, and the readers of its readings."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from lineal_edge.reading import Reading


class Lost(NamedTuple):
    """Consecutive readings that found the queue full."""

    first_seq: int
    last_seq: int
    wall_us: int
    """Of the last of them."""


class BoundedQueue:
    """Readings in order, and lost ones as ranges in their place, so that no number is missing. One
    thread offers, one takes. The lock is held for a few list operations only, never while a thread
    waits for a disk.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[Reading | Lost] = deque()
        self._lost: Lost | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._flushing = False
        self.lost = 0
        """Readings that found no room, since the start."""

    def offer(self, reading: Reading) -> None:
        """Put a reading in, or count it as lost; returns at once."""
        with self._changed:
            if len(self._items) >= self._capacity:
                first = self._lost.first_seq if self._lost else reading.seq
                self._lost = Lost(first, reading.seq, reading.wall_us)
                self.lost += 1
                return
            if self._lost is not None:
                self._items.append(self._lost)
                self._lost = None
            self._items.append(reading)
            self._changed.notify()

    def put(self, reading: Reading, stopped: Callable[[], bool]) -> bool:
        """Put a reading in once there is room; whether it is in. Gives up when ``stopped`` says so
        or the queue is closed. For sources that can wait."""
        with self._changed:
            while len(self._items) >= self._capacity:
                if self._closed or stopped():
                    return False
                self._changed.wait(0.1)
        self.offer(reading)
        return True

    def take(self, limit: int, seconds: float) -> list[Reading | Lost]:
        """Up to ``limit`` items, waiting up to ``seconds`` for that many; fewer when time is up or
        the queue is closed or flushed, none when there are none."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._items) >= limit or self._closed or self._flushing, seconds
            )
            self._flushing = False
            taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
            self._changed.notify_all()
            if not self._items and self._lost is not None:
                taken.append(self._lost)
                self._lost = None
            return taken

    def flush(self) -> None:
        """Let a waiting reader have at once what there is."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wake who takes; what is in the queue can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more (there may be items left)."""
        return self._closed

    def __len__(self) -> int:
        return len(self._items)
