"""One window of readings, as a model takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def constant_channels(rows: Array) -> Sequence[int]:
    """The places of channels that are the same in all readings, rows × channels, of which there are
    several."""
    # looked at in full only where first and last are alike, for speed
    if len(rows) < 2 or not (rows[0] == rows[-1]).any():
        return ()
    return [int(place) for place in np.flatnonzero((rows == rows[0]).all(axis=0))]
