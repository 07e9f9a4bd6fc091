"""Where an executor takes batches of events from, and what it gives them back to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias

from lineal.bus.protocol import Delivery
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.uncommitted import UncommittedChanges

UncommittedOf: TypeAlias = Callable[[str], UncommittedChanges | None]
"""By partition key."""


class BatchSource(Protocol):
    """See :class:`lineal.stages.scheduler.Scheduler`."""

    @property
    def attempt(self) -> int:
        """Which attempt at its events this is, from 1."""
        ...

    def begin_batch(self, limit: int) -> Sequence[Delivery]:
        """The next events, of different keys, that are to be handled now; none: there is no more
        to do."""
        ...

    @property
    def uncommitted(self) -> UncommittedOf | None:
        """What earlier events of a partition key have changed that is not committed yet; None: an
        event begins when all before it in its key is committed."""
        ...

    def ended(self, results: Sequence[StepResult], failed: Sequence[Invocation]) -> None:
        """Is given events that have come to an end, or whose attempt failed."""
        ...

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in a task of its own."""
        ...

    @property
    def slice_is_over(self) -> bool:
        """Whether events have been handled for so long that others are to have the loop."""
        ...

    async def next_slice(self) -> None:
        """Let others have the loop."""
        ...


class SingleEvent:
    """A source of one event, for a further attempt at it."""

    slice_is_over = False

    def __init__(
        self, delivery: Delivery, attempt: int, uncommitted: UncommittedChanges | None = None
    ) -> None:
        self.attempt = attempt
        self._uncommitted = uncommitted
        self._left = [delivery]
        self.all_ended: list[StepResult | Invocation] = []

    def begin_batch(self, limit: int) -> Sequence[Delivery]:
        left, self._left = self._left, []
        return left

    @property
    def uncommitted(self) -> UncommittedOf:
        return lambda _: self._uncommitted

    def ended(self, results: Sequence[StepResult], failed: Sequence[Invocation]) -> None:
        self.all_ended += (*results, *failed)

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        raise AssertionError("a single event has nothing to hand on")

    async def next_slice(self) -> None:
        """There is nothing else to do."""
