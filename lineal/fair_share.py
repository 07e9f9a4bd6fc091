"""How many events a reader fetches from each of its partitions."""

from __future__ import annotations

_MIN_BATCH = 8


def fair_share(in_flight: int, room: int) -> int:
    """How many events of a partition may be read: at most as many as leave room for the same number
    of the others. A partition with slow keys would otherwise fill all the room and block the
    others."""
    return (room - in_flight + 1) // 2


def should_read(in_flight: int, room: int) -> bool:
    """Whether a partition is read again: when at least 1/8 of the room is its own."""
    return fair_share(in_flight, room) >= max(1, room // _MIN_BATCH)
