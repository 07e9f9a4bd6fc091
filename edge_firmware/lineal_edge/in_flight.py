"""Messages that were sent and not yet acknowledged by the bus."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class _Sent(NamedTuple):
    boot_id: str
    last: int


class InFlight:
    """The messages of one stream between being sent and the bus's acknowledgement, in order."""

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque()

    def add(self, boot_id: str, last: int) -> None:
        """A message that ends with this number of this boot was sent."""
        self._sent.append(_Sent(boot_id, last))

    def acknowledge(self, boot_id: str, acked_through: int) -> bool:
        """Take out what a cumulative acknowledgement covers; whether that was anything."""
        left = deque(
            sent for sent in self._sent if sent.boot_id != boot_id or sent.last > acked_through
        )
        progress = len(left) < len(self._sent)
        self._sent = left
        return progress

    def clear(self) -> None:
        self._sent.clear()

    def __len__(self) -> int:
        return len(self._sent)
