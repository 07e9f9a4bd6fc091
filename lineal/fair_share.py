"""How many events a reader fetches from each of its partitions."""

from __future__ import annotations

_MIN_BATCH = 8


def fair_share(in_flight: int, room: int) -> int:
    """How many events of a partition may be read: it may not hold more than there is room left for
    the others, those included that have nothing yet. One whose keys are slow would else fill all
    there is, and hold up every other one."""
    return (room - in_flight + 1) // 2


def should_read(in_flight: int, room: int) -> bool:
    """Whether a partition is read again: when at least 1/8 of the room is its own."""
    return fair_share(in_flight, room) >= max(1, room // _MIN_BATCH)
