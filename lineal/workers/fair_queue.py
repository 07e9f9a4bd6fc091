"""A fair queue: stages in turn, and within a stage correlation ids in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Caller(NamedTuple):
    """The stage and correlation id that a task belongs to."""

    stage: str = ""
    correlation_id: str = ""


ANY_CALLER = Caller()


class FairQueue(Generic[T]):
    """A queue that serves callers in turn, so that none waits for all items of another.

    One caller's items keep their order. What has a thousand tasks and what has a single one get a
    turn each, and so do two stages.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, deque[T]]] = {}

    def add(self, caller: Caller, item: T) -> None:
        by_correlation_id = self._waiting.setdefault(caller.stage, {})
        by_correlation_id.setdefault(caller.correlation_id, deque()).append(item)

    def take(self) -> T | None:
        """The item whose turn it is; None if none waits."""
        if not self._waiting:
            return None
        stage, by_correlation_id = next(iter(self._waiting.items()))
        correlation_id, items = next(iter(by_correlation_id.items()))
        item = items.popleft()
        # Whoever had a turn goes to the end.
        del by_correlation_id[correlation_id]
        if items:
            by_correlation_id[correlation_id] = items
        del self._waiting[stage]
        if by_correlation_id:
            self._waiting[stage] = by_correlation_id
        return item

    def take_all(self) -> Iterator[T]:
        """Everything that waits."""
        while (item := self.take()) is not None:
            yield item
