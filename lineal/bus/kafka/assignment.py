"""Who gets which partitions: evenly, the same numbers of all topics to one worker, and in such a
way that as few as possible move.

A partition that moves is first taken from its holder, who finishes what it has begun there and
joins again; only then is it given to the next (KIP-429). All others go on undisturbed meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.types import Array, Bytes, Int16, Int32, Schema, String

PROTOCOL = "lineal"
PROTOCOL_TYPE = "consumer"

_VERSION = 1
_Partitions = Array(("topic", String("utf-8")), ("partitions", Array(Int32)))
_SUBSCRIPTION = Schema(
    ("version", Int16), ("topics", Array(String("utf-8"))), ("user_data", Bytes),
    ("owned", _Partitions),
)  # fmt: skip
_ASSIGNMENT = Schema(("version", Int16), ("partitions", _Partitions), ("user_data", Bytes))
_INCOMPLETE = b"incomplete"


class Claim(NamedTuple):
    """What a member says when it joins."""

    topics: tuple[str, ...]
    held: frozenset[TopicPartition]


class Assignment(NamedTuple):
    """What a member is given."""

    partitions: frozenset[TopicPartition]
    incomplete: bool = False
    """Some partitions wait for their holders to let go of them."""


def assign(
    members: Mapping[str, Claim], counts: Mapping[str, int], order: Mapping[str, str]
) -> dict[str, Assignment]:
    """Deal out all partitions.

    Args:
        members: by member id.
        counts: partitions by topic.
        order: a name for each member that outlives it, so that equals are dealt with alike each
            time.
    """
    held_by: dict[TopicPartition, set[str]] = {}
    for member, claim in members.items():
        for place in claim.held:
            held_by.setdefault(place, set()).add(member)
    wanted: dict[str, set[TopicPartition]] = {member: set() for member in members}
    for topics, subscribers in _circles(members).items():
        sizes = {topic: counts.get(topic, 0) for topic in topics}
        numbers = range(max(sizes.values(), default=0))
        ordered = sorted(subscribers, key=lambda member: (order[member], member))
        for number, member in _deal(numbers, topics, ordered, held_by).items():
            wanted[member].update(
                TopicPartition(topic, number) for topic, size in sizes.items() if number < size
            )
    free = {
        member: frozenset(p for p in places if held_by.get(p, {member}) == {member})
        for member, places in wanted.items()
    }
    incomplete = any(len(free[member]) < len(wanted[member]) for member in members)
    return {member: Assignment(places, incomplete) for member, places in free.items()}


def _circles(members: Mapping[str, Claim]) -> dict[tuple[str, ...], list[str]]:
    """Topics that have the same subscribers, with these. There is one such circle, unless stages
    are being replaced by others."""
    subscribers: dict[str, list[str]] = {}
    for member, claim in members.items():
        for topic in claim.topics:
            subscribers.setdefault(topic, []).append(member)
    circles: dict[frozenset[str], list[str]] = {}
    for topic, who in subscribers.items():
        circles.setdefault(frozenset(who), []).append(topic)
    return {tuple(topics): sorted(who) for who, topics in circles.items()}


def _deal(
    numbers: Sequence[int],
    topics: Collection[str],
    members: Sequence[str],
    held_by: Mapping[TopicPartition, Collection[str]],
) -> dict[int, str]:
    """A member for each partition number."""
    holder: dict[int, str] = {}
    for number in numbers:
        for topic in topics:
            for member in held_by.get(TopicPartition(topic, number), ()):
                if member in members:
                    holder.setdefault(number, member)
    least, more = divmod(len(numbers), len(members))
    load = dict.fromkeys(members, 0)
    held = {member: sum(1 for who in holder.values() if who == member) for member in members}
    # Who holds most now is among those who get one more than others.
    rank = sorted(members, key=lambda member: -held[member])
    quota = {member: least + (place < more) for place, member in enumerate(rank)}
    dealt: dict[int, str] = {}
    for number, member in holder.items():
        if load[member] < quota[member]:
            dealt[number] = member
            load[member] += 1
    open_seats = [m for m in members for _ in range(quota[m] - load[m])]
    for number in numbers:
        if number not in dealt:
            dealt[number] = open_seats.pop(0)
    return dealt


def claim_bytes(claim: Claim) -> bytes:
    """As ``ConsumerProtocolSubscription`` of Kafka, version 1."""
    encoded: bytes = _SUBSCRIPTION.encode(
        (_VERSION, list(claim.topics), b"", _by_topic(claim.held))
    )
    return encoded


def read_claim(data: bytes) -> Claim:
    """The reverse of :func:`claim_bytes`."""
    _, topics, _, owned = _SUBSCRIPTION.decode(BytesIO(data))
    return Claim(tuple(topics), frozenset(_places(owned)))


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
    return Assignment(frozenset(_places(partitions)), note == _INCOMPLETE)


def _by_topic(places: Collection[TopicPartition]) -> list[tuple[str, list[int]]]:
    topics: dict[str, list[int]] = {}
    for place in sorted(places):
        topics.setdefault(place.topic, []).append(place.partition)
    return list(topics.items())


def _places(topics: Any) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, numbers in topics for number in numbers]
