"""One window of readings, as a model takes it."""

from __future__ import annotations

from dataclasses import dataclass

from lineal_scoring.preparation import Array


@dataclass(frozen=True)
class Window:
    """``length`` readings as the model takes them."""

    first_seq: int
    last_seq: int
    values: Array
    """1 × length × channels: departures from the baseline, or the channels as they are."""
    missing: tuple[str, ...]
    """Features of which more than half the readings were filled in."""
    constant: tuple[str, ...]
    """Features that delivered the same value throughout, which a stuck sensor does."""
    usable: bool
    """Whether a score means something: at most half of all its values were filled in, and what is
    normal here is known."""
    learning: bool = False
    """Whether what is normal here is still being learnt."""
