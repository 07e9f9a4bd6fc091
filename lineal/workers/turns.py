"""Who is next: stages in turn, and within a stage documents (or devices) in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Caller(NamedTuple):
    """For whom a task is done."""

    stage: str = ""
    story: str = ""


ANYBODY = Caller()


class Turns(Generic[T]):
    """Items waiting, taken so that nobody waits for all of somebody else's.

    One caller's items keep their order. A document of a thousand pages and one of a single page
    get a turn each, and so do OCR and classifying.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, deque[T]]] = {}

    def add(self, caller: Caller, item: T) -> None:
        stories = self._waiting.setdefault(caller.stage, {})
        stories.setdefault(caller.story, deque()).append(item)

    def take(self) -> T | None:
        """The item whose turn it is; None if none waits."""
        if not self._waiting:
            return None
        stage, stories = next(iter(self._waiting.items()))
        story, items = next(iter(stories.items()))
        item = items.popleft()
        # Whoever had a turn goes to the end.
        del stories[story]
        if items:
            stories[story] = items
        del self._waiting[stage]
        if stories:
            self._waiting[stage] = stories
        return item

    def take_all(self) -> Iterator[T]:
        """Everything that waits."""
        while (item := self.take()) is not None:
            yield item
