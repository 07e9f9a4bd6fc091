"""Counts how a model does on live readings and compares that with fixed limits."""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

from lineal_edge.update.verification import PackageRejected


class Limits(NamedTuple):
    """What a new model may do on live readings, during shadow and soak."""

    errors: int = 0
    """Windows it failed to score."""
    more_alarms: float = 0.2
    """Share of windows above the threshold it may have more than the model it replaces."""
    alarms_alone: float = 0.5
    """The same where there is none to compare with."""
    min_windows: int = 5
    """Below so many, shares say nothing."""
    stall_seconds: float = 15.0
    """A window that takes longer hangs."""


class Counts(NamedTuple):
    """What an agent has read and scored so far, or in a period."""

    readings: int
    windows: int
    errors: int
    alarms: int
    highest: float
    """Score; NaN before the first window."""

    def since(self, begin: Counts) -> Counts:
        """What was counted since."""
        return Counts(
            self.readings - begin.readings,
            self.windows - begin.windows,
            self.errors - begin.errors,
            self.alarms - begin.alarms,
            self.highest,
        )

    @property
    def alarm_share(self) -> float:
        return self.alarms / self.windows if self.windows else 0.0


class Tally:
    """Counts of one model in one place; written by the scorer's thread, read by the updater's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts(0, 0, 0, 0, math.nan)
        self.busy_since_us: int | None = None
        """Monotonic clock at which the current reading was begun; None between two."""

    def scored(self, scores: list[float], threshold: float) -> None:
        """A reading completed these windows."""
        with self._lock:
            old = self._counts
            self._counts = Counts(
                old.readings + 1,
                old.windows + len(scores),
                old.errors,
                old.alarms + sum(score > threshold for score in scores),
                max(
                    [score for score in (old.highest, *scores) if score == score], default=math.nan
                ),
            )

    def failed(self) -> None:
        """A reading completed a window that could not be scored."""
        with self._lock:
            old = self._counts
            self._counts = old._replace(readings=old.readings + 1, errors=old.errors + 1)

    def read(self) -> Counts:
        with self._lock:
            return self._counts


def check_health(new: Counts, old: Counts | None, limits: Limits) -> None:
    """Whether a model does well enough so far.

    Args:
        old: the model it replaces, on the same readings; None if there is none.

    Raises:
        PackageRejected: ``model_errors``, ``score_range`` or ``alarm_rate``.
    """
    if new.errors > limits.errors:
        raise PackageRejected("model_errors", f"{new.errors} windows could not be scored")
    if new.highest == math.inf:
        raise PackageRejected("score_range", "a score is infinite")
    if new.windows < limits.min_windows:
        return
    allowed = limits.alarms_alone
    if old is not None and old.windows >= limits.min_windows:
        allowed = min(1.0, old.alarm_share + limits.more_alarms)
    if new.alarm_share > allowed:
        raise PackageRejected(
            "alarm_rate", f"{new.alarm_share:.0%} of its windows alarm; {allowed:.0%} may"
        )
