"""A circuit breaker: what does not answer is not called for a while.

Closed, calls go through; so many failures in a row open it. Open, none go through until a time is
over. Then it is half open: one call goes through, which closes it by an answer and opens it again
by a failure (Nygard, *Release It!*, 2nd ed., chapter 5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

CircuitState = Literal["closed", "open", "half open"]


class Permit(NamedTuple):
    """Given to a call that may go through, and given back with what became of it."""

    period: int
    """The circuit has opened so often before."""


class Circuit:
    """Decides which calls go through.

    Args:
        failures: as many in a row open it.
        open_seconds: how long it stays open before one call is tried.
        now: tells seconds.
    """

    def __init__(self, failures: int, open_seconds: float, now: Callable[[], float]) -> None:
        self._failures = failures
        self._open_seconds = open_seconds
        self._now = now
        self._failed = 0
        self._period = 0
        self._opened_until: float | None = None
        """None: closed."""
        self._trying = False

    @property
    def state(self) -> CircuitState:
        if self._opened_until is None:
            return "closed"
        return "open" if self._now() < self._opened_until else "half open"

    @property
    def trying(self) -> bool:
        """Whether the one call that is tried, half open, is under way."""
        return self._trying

    @property
    def seconds_left(self) -> float:
        """Until a call may be tried; 0 unless it is open."""
        return 0.0 if self._opened_until is None else max(0.0, self._opened_until - self._now())

    def enter(self) -> Permit | None:
        """Whether a call may go through now. What was permitted has to be ended by one of the
        methods that follow."""
        if self._opened_until is not None:
            if self._trying or self.state == "open":
                return None
            self._trying = True
        return Permit(self._period)

    def answered(self, permit: Permit) -> bool:
        """A call was answered; returns whether that closed the circuit."""
        if permit.period != self._period:
            return False  # it was begun before the circuit opened, and says nothing of now
        self._failed = 0
        closed = self._opened_until is not None
        self._opened_until = None
        self._trying = False
        return closed

    def failed(self, permit: Permit) -> bool:
        """A call failed; returns whether that opened the circuit, again perhaps."""
        if permit.period != self._period:
            return False
        self._failed += 1
        if self._opened_until is None and self._failed < self._failures:
            return False
        self._opened_until = self._now() + self._open_seconds
        self._period += 1
        self._trying = False
        return True

    def abandoned(self, permit: Permit) -> None:
        """A call was cancelled, and nobody knows how it would have ended."""
        if permit.period == self._period:
            self._trying = False
