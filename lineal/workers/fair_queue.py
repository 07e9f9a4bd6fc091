"""A fair queue for a pool of workers: whoever is likely to be cheap never waits for all that is
costly.

- Costly tasks (:mod:`lineal.workers.costs`) hold at most all workers but one: one has to be free,
  or become free soon, for what is cheap. With those in the background they are as many as workers.
- A task that was taken for cheap and runs for long counts as costly from then on, and so does its
  kind: kinds are mixed, and two long tasks would hold all workers.
- A task that runs for long goes on in the background, and another worker takes its place, as long
  as there are further ones. Source: the feedback queue, Corbató et al., An Experimental
  Time-Sharing System, AFIPS 1962.
- Cheap tasks go first, but after three of them a costly one has a turn if it may.
- Among either, stages have turns, within a stage kinds, within a kind groups (of whoever the work
  is for), and within a group callers; and every second turn is that of the kind that is likely to
  be cheapest.
- Where tasks wait for long, every second turn is that of the caller that came last, of the group
  whose turn it is: who comes after a thousand others of its kind waits for two. Source:
  "adaptive LIFO", Maurer, Fail at Scale, ACM Queue 13(8), 2015.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from lineal.workers.costs import CostHistory, Share

T = TypeVar("T")

_CHEAP_TURNS = 3
_LONG_SECONDS = 1.0


class Caller(NamedTuple):
    """The stage and correlation id that a task belongs to."""

    stage: str = ""
    correlation_id: str = ""
    group: str = ""
    """Whom the work is for, where that is known: groups have equal shares."""


ANY_CALLER = Caller()


@dataclass(slots=True)
class Dequeued(Generic[T]):
    """An item from the queue, to be given back to :meth:`FairQueue.ended`."""

    item: T
    share: Share
    costly: bool
    """Whether it counts as costly while it runs."""
    long_at: float = math.inf
    """When it has run for long."""
    in_background: bool = False
    answered: bool = False


@dataclass(slots=True)
class _CallerTasks(Generic[T]):
    """The items of a correlation id."""

    place: int
    """Where it stands in the order of turns."""
    since: float
    items: deque[T] = field(default_factory=deque)


class _Group(Generic[T]):
    """The callers of a group, in the order in which they came or had a turn."""

    __slots__ = ("fresh", "place", "served")

    def __init__(self, place: int) -> None:
        self.place = place
        """Where it stands in the order of turns."""
        self.fresh: dict[str, _CallerTasks[T]] = {}
        """Those that had no turn yet."""
        self.served: dict[str, _CallerTasks[T]] = {}

    def add(self, correlation_id: str, item: T, place: int, now: float) -> None:
        caller = self.served.get(correlation_id) or self.fresh.get(correlation_id)
        if caller is None:
            caller = self.fresh[correlation_id] = _CallerTasks(place, now)
        caller.items.append(item)

    def first(self) -> tuple[str, _CallerTasks[T]]:
        """The one whose turn it is."""
        heads = [next(iter(part.items())) for part in (self.fresh, self.served) if part]
        return min(heads, key=lambda head: head[1].place)

    def newest(self) -> tuple[str, _CallerTasks[T]] | None:
        """The one that came last, of those that had no turn yet."""
        return next(reversed(self.fresh.items()), None)

    def serve(self, correlation_id: str, place: int) -> T:
        """Take an item of a caller, which goes to the end with the others that it has."""
        caller = self.fresh.pop(correlation_id, None) or self.served.pop(correlation_id)
        item = caller.items.popleft()
        if caller.items:
            caller.place = place
            self.served[correlation_id] = caller
        return item

    def __bool__(self) -> bool:
        return bool(self.fresh or self.served)


class _Kind(Generic[T]):
    """The groups of a stage and kind."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[str, _Group[T]] = {}

    def add(self, caller: Caller, item: T, place: int, now: float) -> None:
        group = self._groups.get(caller.group)
        if group is None:
            group = self._groups[caller.group] = _Group(place)
        group.add(caller.correlation_id, item, place, now)

    def first(self) -> tuple[str, _CallerTasks[T]]:
        """The caller whose turn it is."""
        return self._next().first()

    def newest(self) -> tuple[str, _CallerTasks[T]] | None:
        """The caller that came last in the group whose turn it is, of those that had none yet."""
        return self._next().newest()

    def serve(self, correlation_id: str, place: int) -> T:
        """Take an item of a caller of the group whose turn it is; both go to the end."""
        group = self._next()
        item = group.serve(correlation_id, place)
        group.place = place
        if not group:
            self._groups = {key: each for key, each in self._groups.items() if each is not group}
        return item

    def _next(self) -> _Group[T]:
        return min(self._groups.values(), key=lambda group: group.place)

    def __bool__(self) -> bool:
        return bool(self._groups)


class FairQueue(Generic[T]):
    """See the module. One caller's items of a kind keep their order.

    Args:
        workers: how many items run at a time, but for those in the background.
        history: what tasks have cost.
        clock: tells seconds.
        costly_after: how many seconds an item may run and be cheap.
        in_background: how many items may run in the background.
        to_background: is told of each item that goes there.
    """

    def __init__(
        self,
        workers: int = 1,
        history: CostHistory | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        costly_after: Callable[[T], float] = lambda _item: math.inf,
        in_background: int = 0,
        to_background: Callable[[T], None] = lambda _item: None,
    ) -> None:
        self._costly_after = costly_after
        self._to_background = to_background
        self._running: list[Dequeued[T]] = []
        """But those in the background."""
        self._in_background = 0
        self._may_be_in_background = in_background
        self._workers = workers
        self._costly_workers = max(1, workers - 1)
        self._history = history or CostHistory()
        self._clock = clock
        self._waiting: dict[str, dict[str, _Kind[T]]] = {}
        self._places = 0
        self._cheap_turns = 0
        """Since the last costly one."""
        self._cheapest_next = {True: False, False: False}
        self._newest_next = {True: False, False: False}
        """Of the costly and of the cheap: whether the next turn is that of the one that came
        last."""

    def add(self, caller: Caller, item: T, kind: str = "") -> None:
        self._places += 1
        kinds = self._waiting.setdefault(caller.stage, {})
        if kind not in kinds:
            kinds[kind] = _Kind()
        kinds[kind].add(caller, item, self._places, self._clock())

    def take(self) -> Dequeued[T] | None:
        """The item whose turn it is; None if none waits that may run now."""
        self._look_at_running()
        if len(self._running) >= self._workers:
            return None
        held = sum(each.costly for each in self._running)
        may_be_costly = held < self._costly_workers and held + self._in_background < self._workers
        costly_first = may_be_costly and self._cheap_turns >= _CHEAP_TURNS
        for costly in (costly_first, not costly_first):
            if costly and not may_be_costly:
                continue
            dequeued = self._take(costly)
            if dequeued is not None:
                self._cheap_turns = 0 if costly else self._cheap_turns + 1
                dequeued.long_at = self._clock() + self._costly_after(dequeued.item)
                self._running.append(dequeued)
                return dequeued
        return None

    @property
    def running(self) -> int:
        """How many items hold a worker, those in the background included."""
        return len(self._running) + self._in_background

    def seconds_until_long(self) -> float | None:
        """When the next of those that run has run for long; None where that changes nothing."""
        if not self._waiting:
            return None
        room = self._in_background < self._may_be_in_background
        times = [
            each.long_at
            for each in self._running
            if not each.answered and (room or not each.costly) and each.long_at < math.inf
        ]
        return max(0.0, min(times) - self._clock()) if times else None

    def answered(self, dequeued: Dequeued[T], load: float) -> None:
        """It has come to its end, though its worker may not be ready for another.

        Args:
            load: :meth:`lineal.workers.costs.Cost.load` of it.
        """
        dequeued.answered = True
        self._history.observe(dequeued.share, load)

    def ended(self, dequeued: Dequeued[T]) -> None:
        """It does not hold its worker any more, whether it ran or not."""
        if dequeued.in_background:
            self._in_background -= 1
        else:
            self._running = [each for each in self._running if each is not dequeued]

    def take_all(self) -> Iterator[T]:
        """Everything that waits, whether or not it may run."""
        waiting, self._waiting = self._waiting, {}
        for kinds in waiting.values():
            for kind in kinds.values():
                while kind:
                    correlation_id, _ = kind.first()
                    yield kind.serve(correlation_id, 0)

    def _look_at_running(self) -> None:
        now = self._clock()
        for dequeued in self._running:
            if now < dequeued.long_at or dequeued.answered:
                continue
            if not dequeued.costly:
                dequeued.costly = True
                self._history.observe(dequeued.share, 1.0)
            if self._waiting and self._in_background < self._may_be_in_background:
                self._in_background += 1
                dequeued.in_background = True
                self._to_background(dequeued.item)
        self._running = [each for each in self._running if not each.in_background]

    def _take(self, costly: bool) -> Dequeued[T] | None:
        shares = [
            share
            for stage, kinds in self._waiting.items()
            for share in (Share(stage, kind) for kind in kinds)
            if self._history.is_costly(share) == costly
        ]
        if not shares:
            return None
        newest = self._newest(shares) if self._newest_next[costly] else None
        if newest is not None:
            self._newest_next[costly] = False
            return self._serve(*newest, costly=costly)
        share = shares[0]
        if self._cheapest_next[costly]:
            share = min(shares, key=self._history.peak)
        self._cheapest_next[costly] = not self._cheapest_next[costly]
        correlation_id, caller = self._kind(share).first()
        self._newest_next[costly] = self._clock() - caller.since > _LONG_SECONDS
        dequeued = self._serve(share, correlation_id, costly=costly)
        self._had_a_turn(share)
        return dequeued

    def _newest(self, shares: list[Share]) -> tuple[Share, str] | None:
        found = [(share, newest) for share in shares if (newest := self._kind(share).newest())]
        if not found:
            return None
        share, (correlation_id, _) = max(found, key=lambda each: each[1][1].place)
        return share, correlation_id

    def _kind(self, share: Share) -> _Kind[T]:
        return self._waiting[share.stage][share.kind]

    def _serve(self, share: Share, correlation_id: str, *, costly: bool) -> Dequeued[T]:
        self._places += 1
        kind = self._kind(share)
        item = kind.serve(correlation_id, self._places)
        if not kind:
            del self._waiting[share.stage][share.kind]
            if not self._waiting[share.stage]:
                del self._waiting[share.stage]
        return Dequeued(item, share, costly)

    def _had_a_turn(self, share: Share) -> None:
        """The stage, and in it the kind, go to the end."""
        kinds = self._waiting.pop(share.stage, None)
        if kinds is None:
            return
        if (kind := kinds.pop(share.kind, None)) is not None:
            kinds[share.kind] = kind
        self._waiting[share.stage] = kinds
