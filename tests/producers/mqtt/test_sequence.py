"""Whatever a network does to a device's messages, every reading is taken once and in order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lineal_producers.mqtt.sequence import Sequence
from tests.long import examples


def test_a_message_that_follows_is_taken() -> None:
    stream = Sequence()
    assert stream.take(1, 20) == ("next", 1)
    assert stream.take(21, 40) == ("next", 21)
    assert stream.acked_through == 40


def test_what_is_known_is_a_duplicate_and_moves_nothing() -> None:
    stream = Sequence(40)
    assert stream.take(21, 40).kind == "duplicate"
    assert stream.take(1, 1).kind == "duplicate"
    assert stream.acked_through == 40


def test_what_is_known_in_part_is_taken_from_where_it_is_new() -> None:
    stream = Sequence(40)
    assert stream.take(31, 50) == ("overlap", 41)
    assert stream.acked_through == 50


def test_nothing_is_taken_behind_a_gap() -> None:
    stream = Sequence(40)
    assert stream.take(61, 80) == ("early", 41)
    assert stream.take(81, 100) == ("early", 41)
    assert stream.take(41, 60).kind == "next"
    assert stream.take(61, 80).kind == "next"


def test_a_gap_is_believed_when_the_device_begins_behind_it_time_and_again() -> None:
    stream = Sequence(40, confirmations=3)
    for _ in range(2):
        assert stream.take(61, 80).kind == "early"
        assert stream.take(81, 100).kind == "early"
    assert stream.take(61, 80) == ("hole", 41)
    assert stream.take(81, 100).kind == "next"


def test_an_older_message_behind_the_gap_begins_the_count_anew() -> None:
    stream = Sequence(40, confirmations=2)
    assert stream.take(61, 80).kind == "early"
    assert stream.take(51, 60).kind == "early"
    assert stream.take(61, 80).kind == "early"
    assert stream.take(51, 60) == ("hole", 41)


class LossyNetwork(RuleBasedStateMachine):
    """A device that keeps everything until it is acknowledged, and a broker that loses, repeats
    and, after a restart of the device's connection, brings other batches of the same readings."""

    def __init__(self) -> None:
        super().__init__()
        self.measured = 0
        self.acknowledged = 0
        self.sent_upto = 0
        self.on_the_way: list[tuple[int, int]] = []
        # fewer losses in a row than this are never taken for a hole
        self.stream = Sequence(confirmations=1_000_000)
        self.taken: list[int] = []

    @rule(count=st.integers(1, 30))
    def measure(self, count: int) -> None:
        self.measured += count

    @precondition(lambda self: self.sent_upto < self.measured)
    @rule(most=st.integers(1, 30))
    def send(self, most: int) -> None:
        first = self.sent_upto + 1
        last = min(self.measured, self.sent_upto + most)
        self.on_the_way.append((first, last))
        self.sent_upto = last

    @rule()
    def send_again(self) -> None:
        self.sent_upto = self.acknowledged

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        del self.on_the_way[data.draw(st.integers(0, len(self.on_the_way) - 1))]

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.on_the_way.append(data.draw(st.sampled_from(self.on_the_way)))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def arrive_in_any_order(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.on_the_way) - 1))
        first, last = self.on_the_way.pop(place)
        verdict = self.stream.take(first, last)
        if verdict.kind in ("next", "overlap"):
            self.taken += range(verdict.expected, last + 1)

    @rule()
    def acknowledge(self) -> None:
        self.acknowledged = self.stream.acked_through
        self.sent_upto = max(self.sent_upto, self.acknowledged)

    @rule()
    def crash_and_begin_where_it_was(self) -> None:
        self.stream = Sequence(self.stream.acked_through, confirmations=1_000_000)

    @invariant()
    def each_is_taken_once_in_order_and_none_before_it_was_sent(self) -> None:
        assert self.taken == list(range(1, self.stream.acked_through + 1))
        assert self.acknowledged <= self.stream.acked_through <= self.measured

    def teardown(self) -> None:
        """A network that works for once brings everything."""
        if self.acknowledged < self.measured:
            self.on_the_way = []
            verdict = self.stream.take(self.acknowledged + 1, self.measured)
            if verdict.kind in ("next", "overlap"):
                self.taken += range(verdict.expected, self.measured + 1)
        assert self.taken == list(range(1, self.measured + 1))


TestLossyNetwork = LossyNetwork.TestCase
TestLossyNetwork.settings = settings(
    max_examples=examples(150), stateful_step_count=40, deadline=None
)
