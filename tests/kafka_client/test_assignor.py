"""Partitions are assigned evenly and stay where they are, and never have two owners."""

from __future__ import annotations

from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lineal.kafka_client.assignor import (
    Assignment,
    MemberSubscription,
    assign,
    assignment_bytes,
    read_assignment,
    read_subscription,
    subscription_bytes,
)
from tests.long import examples

TOPICS = ("input", "redrive")
PARTITIONS = st.frozensets(
    st.builds(TopicPartition, st.sampled_from(TOPICS), st.integers(0, 50)), max_size=20
)


@given(st.lists(st.text(max_size=20), max_size=4), PARTITIONS)
def test_a_subscription_is_read_as_it_was_written(
    topics: list[str], owned: frozenset[TopicPartition]
) -> None:
    subscription = MemberSubscription(tuple(topics), owned)
    assert read_subscription(subscription_bytes(subscription)) == subscription


@given(PARTITIONS, st.booleans())
def test_an_assignment_is_read_as_it_was_written(
    partitions: frozenset[TopicPartition], incomplete: bool
) -> None:
    assignment = Assignment(partitions, incomplete)
    assert read_assignment(assignment_bytes(assignment)) == assignment


class Group(RuleBasedStateMachine):
    """Members that join, die, and give up what is being revoked, in any order."""

    @initialize(partitions=st.integers(1, 12))
    def begin(self, partitions: int) -> None:
        self.counts = dict.fromkeys(TOPICS, partitions)
        self.owned: dict[str, set[TopicPartition]] = {}
        self.revoking: dict[str, set[TopicPartition]] = {}
        self.complete = True
        self.names = 0

    def rebalance(self) -> None:
        subscriptions = {
            m: MemberSubscription(TOPICS, frozenset(owned)) for m, owned in self.owned.items()
        }
        if not subscriptions:
            return
        order = {member: member for member in subscriptions}
        for member, assignment in assign(subscriptions, self.counts, order).items():
            self.owned[member] |= assignment.partitions
            self.revoking[member] = self.owned[member] - assignment.partitions
            self.complete = not assignment.incomplete

    @rule()
    def join(self) -> None:
        self.names += 1
        name = f"m{self.names}"
        self.owned[name], self.revoking[name] = set(), set()
        self.rebalance()

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        if self.owned:
            name = data.draw(st.sampled_from(sorted(self.owned)))
            del self.owned[name], self.revoking[name]
            self.rebalance()

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.owned) or ["nobody"]))
        if self.revoking.get(name):
            self.owned[name] -= self.revoking[name]
            self.rebalance()

    @invariant()
    def no_partition_has_two_owners(self) -> None:
        everything = [tp for owned in getattr(self, "owned", {}).values() for tp in owned]
        assert len(everything) == len(set(everything))

    @rule()
    def converge(self) -> None:
        """When all revocations are done, everything is assigned, evenly."""
        if not self.owned:
            return
        for _ in range(3):
            for name, partitions in self.revoking.items():
                self.owned[name] -= partitions
            self.rebalance()
        assert self.complete
        sizes = [len(owned) for owned in self.owned.values()]
        assert sum(sizes) == 2 * self.counts["input"]
        assert max(sizes) - min(sizes) <= 2, "one number of both topics"
        for owned in self.owned.values():
            numbers = {topic: {p.partition for p in owned if p.topic == topic} for topic in TOPICS}
            assert numbers["input"] == numbers["redrive"], "a key has one worker at a time"
        before = {name: set(owned) for name, owned in self.owned.items()}
        self.rebalance()
        assert self.owned == before, "nothing moves without need"


Group.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=25, deadline=None)
test_a_group = Group.TestCase


def test_a_new_member_gets_from_each_owner_only_what_is_above_its_share() -> None:
    owned = {
        name: frozenset(TopicPartition(t, n) for t in TOPICS for n in numbers)
        for name, numbers in {"a": range(4), "b": range(4, 8)}.items()
    }
    subscriptions = {
        name: MemberSubscription(TOPICS, partitions) for name, partitions in owned.items()
    }
    subscriptions["c"] = MemberSubscription(TOPICS, frozenset())
    order = {name: name for name in "abc"}
    assigned = assign(subscriptions, dict.fromkeys(TOPICS, 8), order)
    assert assigned["c"] == Assignment(frozenset(), True), (
        "its share is still being revoked from the others"
    )
    assert [len(assigned[name].partitions) for name in "ab"] == [6, 6]
    assert assigned["a"].partitions < owned["a"] and assigned["b"].partitions < owned["b"]
