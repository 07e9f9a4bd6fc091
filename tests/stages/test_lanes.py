"""Lanes keep the order of each key, and never have more at work than allowed."""

from __future__ import annotations

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lineal.bus.protocol import Delivery, Position
from lineal.stages.lanes import Lanes
from lineal_schemas.envelope import RawEvent

KEYS = st.sampled_from("abcde")


def delivery(key: str, offset: int, partition: int = 0) -> Delivery:
    event = RawEvent(
        f"{offset}", "test:x", "t", None, 0, "application/json", None, key, None, None, key, b""
    )
    return Delivery(Position("t", partition, offset), event)


class Machine(RuleBasedStateMachine):
    """Lanes against one queue per key."""

    @initialize(most=st.integers(1, 4))
    def begin_empty(self, most: int) -> None:
        self.most = most
        self.lanes = Lanes(most)
        self.waiting: dict[str, deque[int]] = {key: deque() for key in "abcde"}
        self.at_work: list[Delivery] = []
        self.handled: list[Delivery] = []
        self.holders: dict[str, Delivery] = {}
        self.next = 0

    @rule(keys=st.lists(KEYS, max_size=3))
    def add(self, keys: list[str]) -> None:
        first = self.next
        self.lanes.add(
            delivery(key, number, partition=number % 2) for number, key in enumerate(keys, first)
        )
        for key in keys:
            self.waiting[key].append(self.next)
            self.next += 1

    @rule(limit=st.integers(1, 4))
    def begin(self, limit: int) -> None:
        may = [key for key, queue in self.waiting.items() if queue and key not in self.holders]
        begun = self.lanes.begin_batch(limit)
        assert len(begun) == min(limit, len(may), self.most - len(self.at_work))
        for item in begun:
            key = item.event.partitionkey
            assert key in may
            assert key not in self.holders
            assert item.position.offset == self.waiting[key].popleft(), "out of order"
            self.holders[key] = item
            self.at_work.append(item)

    @rule(data=st.data(), free=st.booleans())
    def handle(self, data: st.DataObject, free: bool) -> None:
        if self.at_work:
            item = data.draw(st.sampled_from(self.at_work))
            self.lanes.handled(item, free=free)
            self.at_work.remove(item)
            self.handled.append(item)
            if free:
                del self.holders[item.event.partitionkey]

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        if self.handled:
            item = data.draw(st.sampled_from(self.handled))
            self.lanes.finish(item)
            self.handled.remove(item)
            key = item.event.partitionkey
            if self.holders.get(key) is item:
                del self.holders[key]

    @rule(partition=st.integers(0, 1))
    def take_one_partition(self, partition: int) -> None:
        taken = self.lanes.take_waiting(lambda item: item.position.partition == partition)
        expected = set()
        for queue in self.waiting.values():
            while queue and any(offset % 2 == partition for offset in queue):
                expected.add(queue.pop())
        assert {item.position.offset for item in taken} == expected

    @rule()
    def take_all(self) -> None:
        taken = self.lanes.take_waiting(lambda _: True)
        left = {offset for queue in self.waiting.values() for offset in queue}
        assert {item.position.offset for item in taken} == left
        for queue in self.waiting.values():
            queue.clear()

    @invariant()
    def size_counts_all(self) -> None:
        begun = len(self.at_work) + len(self.handled)
        assert self.lanes.size == sum(map(len, self.waiting.values())) + begun

    def teardown(self) -> None:
        """Nothing is left behind."""
        for item in self.at_work:
            self.lanes.handled(item, free=False)
        for item in self.at_work + self.handled:
            self.lanes.finish(item)
        while batch := self.lanes.begin_batch(1):
            (begun,) = batch
            assert begun.position.offset == self.waiting[begun.event.partitionkey].popleft()
            self.lanes.handled(begun, free=True)
            self.lanes.finish(begun)
        assert self.lanes.size == 0


TestLanes = Machine.TestCase


def test_keys_take_turns() -> None:
    lanes = Lanes(1)
    lanes.add(delivery(key, offset) for offset, key in enumerate("aaabbb"))
    order = []
    while batch := lanes.begin_batch(2):
        (begun,) = batch
        order.append(begun.event.partitionkey)
        lanes.handled(begun, free=False)
        lanes.finish(begun)
    assert order == list("ababab")
