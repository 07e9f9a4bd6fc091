"""However events are settled, released and lost: none is skipped, none is handed out twice."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lineal.watermark import Watermark


class Partition(RuleBasedStateMachine):
    """A partition with holes, one worker at a time, and a naive account of what is done."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[int] = []
        self.end = 0
        self.position = 0
        self.completed: set[int] = set()
        self.watermark = Watermark(0)
        self.done: set[int] = set()
        self.held: set[int] = set()

    def settled_now(self, offsets: set[int]) -> None:
        """What a transaction would make durable, then the same in memory."""
        mark, beyond = self.watermark.after(offsets)
        assert beyond <= self.done | offsets
        assert not [o for o in self.events if o < mark and o not in self.done | offsets]
        self.position = mark
        self.completed = {o for o in self.completed if o >= mark} | (beyond & offsets)
        self.watermark.complete(offsets)
        assert self.watermark.committable == mark
        self.done |= offsets
        self.held -= offsets

    @rule(holes=st.lists(st.integers(0, 3), min_size=1, max_size=6))
    def publish(self, holes: list[int]) -> None:
        for hole in holes:
            self.end += hole
            self.events.append(self.end)
            self.end += 1

    @rule(limit=st.integers(1, 8))
    def fetch(self, limit: int) -> None:
        for offset in [o for o in self.events if o >= self.watermark.next_offset][:limit]:
            if self.watermark.deliver(offset):
                assert offset not in self.held, "handed out twice"
                assert offset not in self.done, "handed out although it is done"
                self.held.add(offset)
            else:
                assert offset in self.held | self.done, "skipped"

    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        if self.held:
            chosen = data.draw(st.sets(st.sampled_from(sorted(self.held)), min_size=1))
            self.settled_now(chosen)

    @rule(data=st.data())
    def fail_to_settle(self, data: st.DataObject) -> None:
        """A transaction that fails changes nothing."""
        if self.held:
            chosen = data.draw(st.sets(st.sampled_from(sorted(self.held)), min_size=1))
            before = self.watermark.committable
            self.watermark.after(chosen)
            assert self.watermark.committable == before
            assert all(self.watermark.holds(offset) for offset in chosen)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.held:
            offset = data.draw(st.sampled_from(sorted(self.held)))
            self.watermark.release(offset)
            self.held.remove(offset)

    @rule()
    def crash(self) -> None:
        """Another worker goes on from what is durable."""
        self.watermark = Watermark(self.position, self.completed)
        self.held = set()

    @invariant()
    def nothing_undone_is_called_done(self) -> None:
        assert all(offset in self.done for offset in self.events if offset < self.position)
        assert all(self.watermark.committable <= offset for offset in self.held)
        assert self.watermark.in_flight == len(self.held)

    def teardown(self) -> None:
        """Left alone, a worker gets through everything."""
        for _ in range(len(self.events) + 1):
            self.fetch(1000)
            if self.held:
                self.settled_now(set(self.held))
        assert self.done == set(self.events)
        if self.events:
            assert self.watermark.committable == self.events[-1] + 1


TestPartition = Partition.TestCase


def test_holes_do_not_stop_the_mark() -> None:
    watermark = Watermark(10)
    for offset in (12, 15, 40):
        assert watermark.deliver(offset)
    watermark.complete([15])
    assert watermark.committable == 12
    watermark.complete([12])
    assert watermark.committable == 40
    watermark.complete([40])
    assert watermark.committable == 41


def test_reading_never_goes_back_by_itself() -> None:
    watermark = Watermark(5)
    watermark.deliver(7)
    with pytest.raises(ValueError, match="read already"):
        watermark.deliver(6)
