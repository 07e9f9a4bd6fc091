"""The committed offsets of a group: read when no transaction can change them any more, and set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition

from lineal.bus.kafka import errors
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.requests import OFFSET_COMMIT, OFFSET_FETCH


async def committed_offsets(
    connection: Connection,
    group: str,
    places: Iterable[TopicPartition] | None,
    *,
    seconds: float,
    stable: bool = True,
) -> dict[TopicPartition, tuple[int, str]]:
    """Offsets with their metadata; partitions without one are left out.

    Args:
        places: None for all that the group has.
        stable: wait until open transactions with offsets of these partitions have ended.

    Raises:
        BusUnavailable
    """
    topics: dict[str, list[int]] = {}
    for place in places or ():
        topics.setdefault(place.topic, []).append(place.partition)
    fields: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]
    if places is not None and not fields:
        return {}

    async def attempt() -> dict[TopicPartition, tuple[int, str]]:
        request = OFFSET_FETCH(group, None if places is None else fields, stable, {})
        answer = await connection.ask_coordinator("group", group, request)
        found: dict[TopicPartition, tuple[int, str]] = {}
        connection.check_coordinator("group", group, answer[2], "asking for offsets")
        for topic, partitions, _ in answer[1]:
            for partition, offset, _, metadata, code, _ in partitions:
                if code == errors.UNKNOWN_TOPIC_OR_PARTITION:
                    continue
                connection.check_coordinator("group", group, code, "asking for offsets")
                if offset >= 0:
                    found[TopicPartition(topic, partition)] = offset, metadata or ""
        return found

    return await connection.persist(attempt, seconds)


async def commit_offsets(
    connection: Connection,
    group: str,
    offsets: Mapping[TopicPartition, tuple[int, str]],
    *,
    generation: int = -1,
    member: str = "",
    instance: str | None = None,
    seconds: float,
) -> None:
    """Set offsets: those of a group without members, or as one of its members.

    Raises:
        NotAMember: the group has members, or has moved on without this one.
        BusUnavailable
    """
    topics: dict[str, list[tuple[int, int, int, str]]] = {}
    for place, (offset, metadata) in offsets.items():
        topics.setdefault(place.topic, []).append((place.partition, offset, -1, metadata))

    async def attempt() -> None:
        request = OFFSET_COMMIT(group, generation, member, instance, list(topics.items()))
        answer = await connection.ask_coordinator("group", group, request)
        for _, partitions in answer[1]:
            for _, code in partitions:
                if code == errors.REBALANCE_IN_PROGRESS:
                    raise errors.NotAMember("the group is taking in members")
                connection.check_coordinator("group", group, code, "committing offsets")

    await connection.persist(attempt, seconds)
