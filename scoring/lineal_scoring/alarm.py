"""The alarm: opens, updates and closes an anomaly from the scores of windows.

The lower threshold for closing is the classical hysteresis (a Schmitt trigger): a score that
hovers about the threshold does not open and close an anomaly with every window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Interruption = Literal["gap", "restart", "model_changed"]


@dataclass(frozen=True)
class AlarmRules:
    """When an anomaly opens, is updated, and closes."""

    open_after: int = 1
    """Windows in a row above the threshold until it opens."""
    close_after: int = 1
    """Windows in a row below the lower threshold until it closes."""
    close_ratio: float = 1.0
    """The lower threshold, as a share of the threshold: at most 1."""
    growth: float = 1.5
    """It is updated when its peak has grown by this factor since the last event of it, or when
    another feature contributes most."""
    update_after: int = 10
    """Windows at least between two such updates."""
    patience: int = 30
    """Windows in a row without a usable score after which it closes."""

    def __post_init__(self) -> None:
        if min(self.open_after, self.close_after, self.update_after, self.patience) < 1:
            raise ValueError("counts of windows are at least 1")
        if not 0 < self.close_ratio <= 1:
            raise ValueError("close_ratio is above 0 and at most 1")
        if self.growth <= 1:
            raise ValueError("growth is above 1")


@dataclass(frozen=True)
class Opened:
    """Windows have begun to score above the threshold."""

    first_seq: int
    """First reading of the first window that did."""
    last_seq: int
    score: float
    windows: int
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Updated:
    """It goes on, and has grown or changed its features."""

    first_seq: int
    last_seq: int
    score: float
    peak_score: float
    windows: int
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Closed:
    """It is over: scores are low again, or data is missing."""

    first_seq: int
    last_seq: int
    peak_score: float
    windows: int
    reason: Literal["normal", "gap", "restart", "model_changed"]


Transition = Opened | Updated | Closed

_STATE = (
    *("_open", "_first_seq", "_last_seq", "_peak", "_told_peak", "_told_feature"),
    *("_windows", "_since_told", "_above", "_below", "_blind"),
)


class AlarmMachine:
    """The anomaly of one device, if there is one.

    Transitions come as ``Opened (Updated)* Closed`` and so on; an :class:`Opened` is never followed
    by another before its :class:`Closed`, which names the same ``first_seq``.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self._open = False
        self._first_seq = self._last_seq = 0
        self._peak = self._told_peak = 0.0
        self._told_feature = ""
        self._windows = self._since_told = 0
        self._above = self._below = self._blind = 0
        self._accepted = 0.0

    @property
    def is_accepted(self) -> bool:
        """Whether a person has said that what was found is normal, and it still shows."""
        return self._accepted > 0

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def first_seq(self) -> int | None:
        """Of the open anomaly."""
        return self._first_seq if self._open else None

    def observe(
        self,
        first_seq: int,
        last_seq: int,
        score: float,
        threshold: float,
        shares: Sequence[tuple[str, float]] = (),
        *,
        learning: bool = False,
    ) -> Transition | None:
        """Take in the score of a window.

        Args:
            first_seq: first reading of the window.
            last_seq: its last reading.
            score: what the model says; not NaN.
            threshold: above which a window is anomalous.
            shares: contributions of the features, the largest first.
            learning: what is normal in a state that was accepted is still being learnt.
        """
        self._blind = 0
        top = shares[0][0] if shares else ""
        if not self._open:
            if score <= threshold and not learning:
                self._accepted = 0.0
            if score <= max(threshold, self._accepted):
                self._above = 0
                return None
            if self._above == 0:
                self._first_seq, self._peak = first_seq, score
            self._above += 1
            self._peak = max(self._peak, score)
            self._last_seq = last_seq
            if self._above < self.rules.open_after:
                return None
            self._open, self._windows = True, self._above
            self._above = self._below = self._since_told = 0
            self._told_peak, self._told_feature = self._peak, top
            return Opened(self._first_seq, last_seq, score, self._windows, tuple(shares))
        self._windows += 1
        self._since_told += 1
        self._last_seq = last_seq
        self._peak = max(self._peak, score)
        if score <= threshold * self.rules.close_ratio:
            self._below += 1
            return self._close("normal") if self._below >= self.rules.close_after else None
        self._below = 0
        grown = self._peak >= self._told_peak * self.rules.growth
        if self._since_told < self.rules.update_after or not (grown or top != self._told_feature):
            return None
        self._since_told, self._told_peak, self._told_feature = 0, self._peak, top
        return Updated(self._first_seq, last_seq, score, self._peak, self._windows, tuple(shares))

    def unusable(self, last_seq: int) -> Transition | None:
        """Take in a window without a score: too much of it was missing."""
        self._above = 0
        if not self._open:
            return None
        self._blind += 1
        self._last_seq = last_seq
        self._windows += 1
        return self._close("gap") if self._blind >= self.rules.patience else None

    def interrupt(self, reason: Interruption) -> Transition | None:
        """Close an open anomaly, because data is missing or another model scores."""
        self._above = 0
        return self._close(reason) if self._open else None

    def accept(self) -> Closed | None:
        """Close an open anomaly whose state a person calls normal. While scores stay above the
        threshold another one opens only where it grows beyond this one."""
        if not self._open:
            return None
        self._accepted = self._peak * self.rules.growth
        return self._close("normal")

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        return {**{name: getattr(self, name) for name in _STATE}, "_accepted": self._accepted}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot.

        Raises:
            KeyError: something is missing in it.
        """
        for name in _STATE:
            setattr(self, name, type(getattr(self, name))(state[name]))
        # snapshots of former versions have none
        self._accepted = float(state.get("_accepted", 0.0))

    def _close(self, reason: Literal["normal", "gap", "restart", "model_changed"]) -> Closed:
        self._open = False
        self._above = self._below = self._blind = 0
        return Closed(self._first_seq, self._last_seq, self._peak, self._windows, reason)
