"""Exponential backoff with jitter."""

from __future__ import annotations

import random


class Backoff:
    """Full jitter: a wait is drawn evenly from nothing to a bound that doubles with every try, so
    that ten thousand devices that lost the same broker do not come back at once."""

    def __init__(self, first: float, limit: float, *, draw: random.Random | None = None) -> None:
        """Bounds of the first wait and of any wait, in seconds."""
        self._first = first
        self._limit = limit
        self._bound = first
        self._draw = draw or random.Random()  # noqa: S311 -- spreads load, guards nothing

    def next(self) -> float:
        """Seconds to wait now."""
        bound = self._bound
        self._bound = min(self._limit, bound * 2)
        return self._draw.uniform(0, bound)

    def reset(self) -> None:
        """It worked: the next wait is short again."""
        self._bound = self._first
