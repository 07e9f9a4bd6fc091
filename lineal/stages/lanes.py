"""Lanes: events of one key one after another, different keys side by side."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection

from lineal.bus.protocol import Delivery


class Lanes:
    """Which deliveries may begin now.

    Invariant: of each key at most one delivery is begun and not finished; at most ``most`` are
    begun and not yet handled; within a key, deliveries begin in the order in which they were added.

    What is handled and waits to be settled keeps its key, but not its place among the ``most``: the
    next are handled while these are written.
    """

    __slots__ = ("_at_work", "_begun", "_most", "_ready", "_waiting", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work = 0
        self._begun: set[str] = set()
        self._waiting: dict[str, deque[Delivery]] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()
        """Keys with a delivery waiting and none begun, in the order in which they became so."""
        self.size = 0
        """Deliveries begun or waiting."""

    def add(self, delivery: Delivery) -> None:
        """A delivery has come."""
        key = delivery.event.partitionkey
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            if key not in self._begun:
                self._ready[key] = None
        queue.append(delivery)
        self.size += 1

    @property
    def may_begin(self) -> bool:
        """Whether :meth:`begin` has something to give."""
        return bool(self._ready) and self._at_work < self._most

    def begin(self) -> Delivery | None:
        """The next delivery that may begin; None if none may."""
        if not self.may_begin:
            return None
        key, _ = self._ready.popitem(last=False)
        queue = self._waiting[key]
        delivery = queue.popleft()
        if not queue:
            del self._waiting[key]
        self._begun.add(key)
        self._at_work += 1
        return delivery

    def handled(self) -> None:
        """A begun delivery has its result, which is yet to be settled."""
        self._at_work -= 1

    def finish(self, key: str) -> None:
        """The begun delivery of a key is settled or given up."""
        self._begun.remove(key)
        self.size -= 1
        if key in self._waiting:
            self._ready[key] = None

    def take_waiting(self, wanted: Callable[[Delivery], bool]) -> Collection[Delivery]:
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
