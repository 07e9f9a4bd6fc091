"""Partitions are dealt out evenly and stay where they are, and never have two holders."""

from __future__ import annotations

from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lineal.bus.kafka.assignment import (
    Assignment,
    Claim,
    assign,
    assignment_bytes,
    claim_bytes,
    read_assignment,
    read_claim,
)

TOPICS = ("input", "redrive")
PLACES = st.frozensets(
    st.builds(TopicPartition, st.sampled_from(TOPICS), st.integers(0, 50)), max_size=20
)


@given(st.lists(st.text(max_size=20), max_size=4), PLACES)
def test_a_claim_comes_back_as_it_was(topics: list[str], held: frozenset[TopicPartition]) -> None:
    claim = Claim(tuple(topics), held)
    assert read_claim(claim_bytes(claim)) == claim


@given(PLACES, st.booleans())
def test_an_assignment_comes_back_as_it_was(
    places: frozenset[TopicPartition], incomplete: bool
) -> None:
    assignment = Assignment(places, incomplete)
    assert read_assignment(assignment_bytes(assignment)) == assignment


class Group(RuleBasedStateMachine):
    """Members that come, go, and give back what they are asked for, in any order."""

    @initialize(partitions=st.integers(1, 12))
    def begin(self, partitions: int) -> None:
        self.counts = dict.fromkeys(TOPICS, partitions)
        self.held: dict[str, set[TopicPartition]] = {}
        self.asked_back: dict[str, set[TopicPartition]] = {}
        self.complete = True
        self.names = 0

    def deal(self) -> None:
        claims = {m: Claim(TOPICS, frozenset(held)) for m, held in self.held.items()}
        if not claims:
            return
        for member, given_ in assign(claims, self.counts, {m: m for m in claims}).items():
            self.held[member] |= given_.partitions
            self.asked_back[member] = self.held[member] - given_.partitions
            self.complete = not given_.incomplete

    @rule()
    def join(self) -> None:
        self.names += 1
        name = f"m{self.names}"
        self.held[name], self.asked_back[name] = set(), set()
        self.deal()

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        if self.held:
            name = data.draw(st.sampled_from(sorted(self.held)))
            del self.held[name], self.asked_back[name]
            self.deal()

    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.held) or ["nobody"]))
        if self.asked_back.get(name):
            self.held[name] -= self.asked_back[name]
            self.deal()

    @invariant()
    def nobody_holds_what_another_holds(self) -> None:
        everything = [place for held in getattr(self, "held", {}).values() for place in held]
        assert len(everything) == len(set(everything))

    @rule()
    def settle_down(self) -> None:
        """When all have given back what they were asked for, all is dealt out, evenly."""
        if not self.held:
            return
        for _ in range(3):
            for name, places in self.asked_back.items():
                self.held[name] -= places
            self.deal()
        assert self.complete
        sizes = [len(held) for held in self.held.values()]
        assert sum(sizes) == 2 * self.counts["input"]
        assert max(sizes) - min(sizes) <= 2, "one number of both topics"
        for held in self.held.values():
            numbers = {topic: {p.partition for p in held if p.topic == topic} for topic in TOPICS}
            assert numbers["input"] == numbers["redrive"], "a key has one worker at a time"
        before = {name: set(held) for name, held in self.held.items()}
        self.deal()
        assert self.held == before, "nothing moves without need"


Group.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_a_group = Group.TestCase


def test_who_joins_takes_from_each_only_what_is_too_much() -> None:
    held = {
        name: frozenset(TopicPartition(t, n) for t in TOPICS for n in numbers)
        for name, numbers in {"a": range(4), "b": range(4, 8)}.items()
    }
    claims = {name: Claim(TOPICS, places) for name, places in held.items()}
    dealt = assign({**claims, "c": Claim(TOPICS, frozenset())}, dict.fromkeys(TOPICS, 8),
                   {name: name for name in "abc"})  # fmt: skip
    assert dealt["c"] == Assignment(frozenset(), True), "its share is still with the others"
    assert [len(dealt[name].partitions) for name in "ab"] == [6, 6]
    assert dealt["a"].partitions < held["a"] and dealt["b"].partitions < held["b"]
