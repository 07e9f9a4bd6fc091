"""Lanes: events of one key one after another, different keys side by side."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from lineal.bus.protocol import Delivery
from lineal.stages.uncommitted import may_follow


class Lanes:
    """Which deliveries may begin now.

    Invariant: at most one delivery holds a key; at most ``limit`` are begun and not yet handled;
    within a key, deliveries begin in the order in which they were added.

    What is handled and waits to be committed gives up its place among the ``limit``: the next are
    handled while these are written. It keeps its key where the next event of the key has to see
    what it wrote, and cannot see it before (:mod:`lineal.stages.uncommitted`).
    """

    __slots__ = ("_at_work", "_holders", "_limit", "_ready", "_visible", "_waiting", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._at_work = 0
        self._holders: dict[str, Delivery] = {}
        """By key, the delivery that keeps the next of the key from beginning."""
        self._visible: set[str] = set()
        """Keys whose holder is handled, so that the next may begin if it can see its result."""
        self._waiting: dict[str, deque[Delivery]] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()
        """Keys with a delivery waiting that nobody holds, in the order in which they became so."""
        self.size = 0
        """Deliveries that are not finished."""

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Deliveries have come."""
        waiting = self._waiting
        for delivery in deliveries:
            key = delivery.event.partitionkey
            queue = waiting.get(key)
            if queue is None:
                queue = waiting[key] = deque()
                if key not in self._holders or (
                    key in self._visible and may_follow(self._holders[key], delivery)
                ):
                    self._ready[key] = None
            queue.append(delivery)
            self.size += 1

    @property
    def may_begin(self) -> bool:
        """Whether :meth:`begin_batch` has something to give."""
        return bool(self._ready) and self._at_work < self._limit

    def begin_batch(self, limit: int) -> list[Delivery]:
        """The next deliveries that may begin, at most ``limit``, each of another key."""
        waiting, ready = self._waiting, self._ready
        batch: list[Delivery] = []
        for _ in range(min(limit, self._limit - self._at_work, len(ready))):
            key, _ = ready.popitem(last=False)
            queue = waiting[key]
            delivery = queue.popleft()
            if not queue:
                del waiting[key]
            self._holders[key] = delivery
            self._visible.discard(key)
            batch.append(delivery)
        self._at_work += len(batch)
        return batch

    def handled(self, delivery: Delivery, *, free: bool, visible: bool = False) -> None:
        """A begun delivery has its result, which is yet to be committed.

        Args:
            free: the next of its key need not wait for that.
            visible: the next of its key can see the result before.
        """
        self._at_work -= 1
        if free:
            self._free(delivery)
        elif visible:
            key = delivery.event.partitionkey
            self._visible.add(key)
            queue = self._waiting.get(key)
            if queue is not None and may_follow(delivery, queue[0]):
                self._ready[key] = None

    def finish(self, delivery: Delivery) -> None:
        """A handled delivery is committed or given up."""
        self.size -= 1
        self._free(delivery)

    def _free(self, delivery: Delivery) -> None:
        key = delivery.event.partitionkey
        if self._holders.get(key) is delivery:
            del self._holders[key]
            self._visible.discard(key)
            if key in self._waiting:
                self._ready[key] = None

    def take_waiting(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Remove and return deliveries that have not begun.

        With a key's delivery all later ones of the key go too: they must not overtake it.
        """
        taken: list[Delivery] = []
        for key, queue in list(self._waiting.items()):
            kept: deque[Delivery] = deque()
            while queue and not wanted(queue[0]):
                kept.append(queue.popleft())
            taken.extend(queue)
            if kept:
                self._waiting[key] = kept
            else:
                del self._waiting[key]
                self._ready.pop(key, None)
        self.size -= len(taken)
        return taken
