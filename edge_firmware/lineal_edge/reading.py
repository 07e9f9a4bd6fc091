"""``Reading``: one reading, as the sampler makes it."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """The values of all features at one moment."""

    seq: int
    """Counted from 1 since the agent started."""
    monotonic_us: int
    wall_us: int
    values: tuple[float, ...]
    """In the order of the source's features; NaN where there is no usable number."""
    position: str | None = None
    """Where the source goes on behind it, if it can."""
