"""A cooperative sticky assignor: evenly, the same partition numbers of all topics to one member,
with as few moves as possible.

A partition that moves is first revoked from its owner, who finishes what it has begun and joins
again; only then is it assigned to the next (KIP-429). All others stay with their owners meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.types import Array, Bytes, Int16, Int32, Schema, String

PROTOCOL = "lineal"
"""Name of the assignor in JoinGroup; all members of a group must offer the same."""
PROTOCOL_TYPE = "consumer"

_VERSION = 1
_Partitions = Array(("topic", String("utf-8")), ("partitions", Array(Int32)))
_SUBSCRIPTION = Schema(
    ("version", Int16), ("topics", Array(String("utf-8"))), ("user_data", Bytes),
    ("owned_partitions", _Partitions),
)  # fmt: skip
_ASSIGNMENT = Schema(("version", Int16), ("partitions", _Partitions), ("user_data", Bytes))
_INCOMPLETE = b"incomplete"


class MemberSubscription(NamedTuple):
    """What a member sends in JoinGroup."""

    topics: tuple[str, ...]
    owned: frozenset[TopicPartition]


class Assignment(NamedTuple):
    """What a member receives in SyncGroup."""

    partitions: frozenset[TopicPartition]
    incomplete: bool = False
    """Some partitions are still being revoked from their owners: another rebalance follows."""


def assign(
    members: Mapping[str, MemberSubscription], counts: Mapping[str, int], order: Mapping[str, str]
) -> dict[str, Assignment]:
    """Assign all partitions.

    Args:
        members: by member id.
        counts: partitions by topic.
        order: a name for each member that outlives it (its static member id), so that ties are
            broken alike each time.
    """
    owners: dict[TopicPartition, set[str]] = {}
    for member, subscription in members.items():
        for topic_partition in subscription.owned:
            owners.setdefault(topic_partition, set()).add(member)
    wanted: dict[str, set[TopicPartition]] = {member: set() for member in members}
    for topics, subscribers in _by_subscribers(members).items():
        sizes = {topic: counts.get(topic, 0) for topic in topics}
        numbers = range(max(sizes.values(), default=0))
        ordered = sorted(subscribers, key=lambda member: (order[member], member))
        for number, member in _assign_numbers(numbers, topics, ordered, owners).items():
            wanted[member].update(
                TopicPartition(topic, number) for topic, size in sizes.items() if number < size
            )
    free = {
        member: frozenset(p for p in topic_partitions if owners.get(p, {member}) == {member})
        for member, topic_partitions in wanted.items()
    }
    incomplete = any(len(free[member]) < len(wanted[member]) for member in members)
    return {member: Assignment(partitions, incomplete) for member, partitions in free.items()}


def _by_subscribers(members: Mapping[str, MemberSubscription]) -> dict[tuple[str, ...], list[str]]:
    """Topics that have the same subscribers, with these. One entry, unless members of different
    versions are in the group."""
    subscribers: dict[str, list[str]] = {}
    for member, subscription in members.items():
        for topic in subscription.topics:
            subscribers.setdefault(topic, []).append(member)
    found: dict[frozenset[str], list[str]] = {}
    for topic, names in subscribers.items():
        found.setdefault(frozenset(names), []).append(topic)
    return {tuple(topics): sorted(names) for names, topics in found.items()}


def _assign_numbers(
    numbers: Sequence[int],
    topics: Collection[str],
    members: Sequence[str],
    owners: Mapping[TopicPartition, Collection[str]],
) -> dict[int, str]:
    """A member for each partition number."""
    owner: dict[int, str] = {}
    for number in numbers:
        for topic in topics:
            for member in owners.get(TopicPartition(topic, number), ()):
                if member in members:
                    owner.setdefault(number, member)
    quotient, remainder = divmod(len(numbers), len(members))
    load = dict.fromkeys(members, 0)
    owned = {member: list(owner.values()).count(member) for member in members}
    # Those that own most now are among those that get one more than others.
    rank = sorted(members, key=lambda member: -owned[member])
    quota = {member: quotient + (place < remainder) for place, member in enumerate(rank)}
    assigned: dict[int, str] = {}
    for number, member in owner.items():
        if load[member] < quota[member]:
            assigned[number] = member
            load[member] += 1
    free_quota = [m for m in members for _ in range(quota[m] - load[m])]
    for number in numbers:
        if number not in assigned:
            assigned[number] = free_quota.pop(0)
    return assigned


def subscription_bytes(subscription: MemberSubscription) -> bytes:
    """As ``ConsumerProtocolSubscription`` of Kafka, version 1."""
    encoded: bytes = _SUBSCRIPTION.encode(
        (_VERSION, list(subscription.topics), b"", _by_topic(subscription.owned))
    )
    return encoded


def read_subscription(data: bytes) -> MemberSubscription:
    """The reverse of :func:`subscription_bytes`."""
    _, topics, _, owned = _SUBSCRIPTION.decode(BytesIO(data))
    return MemberSubscription(tuple(topics), frozenset(_topic_partitions(owned)))


def assignment_bytes(assignment: Assignment) -> bytes:
    """As ``ConsumerProtocolAssignment`` of Kafka."""
    note = _INCOMPLETE if assignment.incomplete else b""
    encoded: bytes = _ASSIGNMENT.encode((_VERSION, _by_topic(assignment.partitions), note))
    return encoded


def read_assignment(data: bytes) -> Assignment:
    """The reverse of :func:`assignment_bytes`; also of what other clients wrote."""
    if not data:
        return Assignment(frozenset())
    _, partitions, note = _ASSIGNMENT.decode(BytesIO(data))
    return Assignment(frozenset(_topic_partitions(partitions)), note == _INCOMPLETE)


def _by_topic(topic_partitions: Collection[TopicPartition]) -> list[tuple[str, list[int]]]:
    topics: dict[str, list[int]] = {}
    for topic_partition in sorted(topic_partitions):
        topics.setdefault(topic_partition.topic, []).append(topic_partition.partition)
    return list(topics.items())


def _topic_partitions(topics: Any) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, numbers in topics for number in numbers]
