"""How many requests somebody may make: a token bucket for each who asks."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEPT = 10_000


class RateLimit:
    """Lets so many requests a second through for each who asks, and a second's worth at once."""

    def __init__(
        self, per_second: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = per_second, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str) -> bool:
        """Whether one more request is let through now."""
        if self._rate is None:
            return True
        now, most = self._clock(), max(self._rate, 1.0)
        left, at = self._left.pop(who, (most, now))
        left = min(most, left + (now - at) * self._rate)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, now)
        if len(self._left) > _MAX_KEPT:
            self._left.popitem(last=False)
        return allowed
