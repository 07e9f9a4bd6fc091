"""What a stage's readiness says of functions that ran into their time limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lineal.bus.protocol import Delivery
from lineal.errors import HandlerTimeout
from lineal.stages.pipeline import Invocation

_SAID_US = 300_000_000
"""For how long it is said after the last event that ran into the limit became a dead letter."""


class Timeouts:
    """Notes which events ran into the time limit of the function.

    Args:
        now: microseconds since the epoch.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._problem: str | None = None
        self._noted_us = 0
        self._hanging: set[int] = set()
        """Deliveries that are to be tried again, by their identity."""

    @property
    def problem(self) -> str | None:
        """That the function hangs: said while an event is tried again, and after that until one
        is handled, or for five minutes where none comes."""
        if not self._hanging and self._now() > self._noted_us + _SAID_US:
            self._problem = None
        return self._problem

    def note(self, invocations: Sequence[Invocation]) -> None:
        """Note what became of these."""
        for invocation in invocations:
            if isinstance(invocation.error, HandlerTimeout):
                self._hanging.add(id(invocation.delivery))
                self._noted_us = self._now()
                self._problem = f"event {invocation.event.id}: {invocation.error}"
            elif self._problem is not None and invocation.step is not None:
                # Other keys go on meanwhile; it is no less a problem for that.
                self._hanging.discard(id(invocation.delivery))
                if not self._hanging:
                    self._problem = None

    def decided(self, delivery: Delivery) -> None:
        """This one is not tried again."""
        self._hanging.discard(id(delivery))
