"""The watermark of a partition: the offset below which everything is done.

The committable offset is the smallest offset in flight, or the last delivered + 1 when nothing is.
It is never derived from a contiguous run of completed offsets: compaction and transaction markers
leave holes that would stop such a run for ever.
"""

from __future__ import annotations

from collections.abc import Iterable


class Watermark:
    """The deliveries of one partition to one worker.

    Invariant: ``committable`` <= every offset in flight; every offset in ``beyond`` is completed
    and >= ``committable``.
    """

    __slots__ = ("_beyond", "_in_flight", "_next")

    def __init__(self, position: int, completed: Iterable[int] = ()) -> None:
        self._next = position
        self._in_flight: set[int] = set()
        self._beyond = set(completed)

    @property
    def next_offset(self) -> int:
        """The offset to continue reading at."""
        return self._next

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def committable(self) -> int:
        """Everything below is done."""
        return min(self._next, min(self._in_flight, default=self._next))

    def holds(self, offset: int) -> bool:
        """Whether the offset is in flight."""
        return offset in self._in_flight

    def deliver(self, offset: int) -> bool:
        """Take note of an event read at ``next_offset`` or later; offsets may have holes.

        Returns False if it must not be handed out: it is in flight, or was completed already (by an
        earlier worker, before it stopped).
        """
        if offset < self._next:
            raise ValueError(f"offset {offset} was read already (next is {self._next})")
        self._next = offset + 1
        if offset in self._beyond or offset in self._in_flight:
            return False
        self._in_flight.add(offset)
        return True

    def pass_by(self, offset: int) -> None:
        """There is nothing to deliver below ``offset``: only holes, which a reader has passed."""
        self._next = max(self._next, offset)

    def after(self, offsets: Iterable[int]) -> tuple[int, set[int]]:
        """What ``committable`` would be, and which completed offsets it would not cover, if these
        offsets in flight were completed; for a transaction that may yet fail."""
        offsets = set(offsets)
        mark = min(self._next, min(self._in_flight - offsets, default=self._next))
        return mark, {offset for offset in self._beyond | offsets if offset >= mark}

    def complete(self, offsets: Iterable[int]) -> None:
        """Events in flight are done."""
        offsets = set(offsets)
        _, self._beyond = self.after(offsets)
        self._in_flight.difference_update(offsets)

    def release(self, offset: int) -> None:
        """An event in flight was handed back: reading goes back to it."""
        self._in_flight.remove(offset)
        self._next = min(self._next, offset)
