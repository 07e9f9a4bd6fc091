"""The committed offsets of a group (OffsetFetch, OffsetCommit)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from lineal.kafka_client import errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.requests import OFFSET_COMMIT, OFFSET_FETCH


class GroupMetadata(NamedTuple):
    """The member that commits offsets: Kafka's ConsumerGroupMetadata (KIP-447). A group with
    members refuses one that is not of its present generation."""

    group: str
    generation: int = -1
    member: str = ""
    static_member_id: str | None = None


async def fetch_offsets(
    connection: Connection,
    group: str,
    topic_partitions: Iterable[TopicPartition] | None,
    *,
    seconds: float,
    require_stable: bool = True,
) -> dict[TopicPartition, tuple[int, str]]:
    """Committed offsets with their metadata; partitions without one are left out.

    Args:
        topic_partitions: None for all that the group has.
        require_stable: wait until open transactions with offsets of these partitions have ended
            (KIP-447).

    Raises:
        KafkaUnavailable
    """
    topics: dict[str, list[int]] = {}
    for topic, partition in topic_partitions or ():
        topics.setdefault(topic, []).append(partition)
    fields: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]
    if topic_partitions is not None and not fields:
        return {}
    wanted = None if topic_partitions is None else fields

    async def attempt() -> dict[TopicPartition, tuple[int, str]]:
        request = OFFSET_FETCH(group, wanted, require_stable, {})
        answer = await connection.send_to_coordinator("group", group, request)
        found: dict[TopicPartition, tuple[int, str]] = {}
        connection.check_coordinator("group", group, answer[2], "fetching offsets")
        for topic, partitions, _ in answer[1]:
            for partition, offset, _, metadata, code, _ in partitions:
                if code == errors.UNKNOWN_TOPIC_OR_PARTITION:
                    continue
                connection.check_coordinator("group", group, code, "fetching offsets")
                if offset >= 0:
                    found[TopicPartition(topic, partition)] = offset, metadata or ""
        return found

    return await connection.retry(attempt, seconds)


async def commit_offsets(
    connection: Connection,
    group_metadata: GroupMetadata,
    offsets: Mapping[TopicPartition, tuple[int, str]],
    *,
    seconds: float,
) -> None:
    """Commit offsets with their metadata, outside of a transaction.

    Raises:
        UnknownMember: the group has members, or has moved on without this one.
        KafkaUnavailable
    """
    group = group_metadata.group
    topics: dict[str, list[tuple[int, int, int, str]]] = {}
    for topic_partition, (offset, metadata) in offsets.items():
        entry = topic_partition.partition, offset, -1, metadata
        topics.setdefault(topic_partition.topic, []).append(entry)

    async def attempt() -> None:
        request = OFFSET_COMMIT(*group_metadata, list(topics.items()))
        answer = await connection.send_to_coordinator("group", group, request)
        for _, partitions in answer[1]:
            for _, code in partitions:
                if code == errors.REBALANCE_IN_PROGRESS:
                    raise errors.UnknownMember("the group is rebalancing")
                connection.check_coordinator("group", group, code, "committing offsets")

    await connection.retry(attempt, seconds)
