"""What topics there are, how full they are, and how far their groups have come."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aiokafka import TopicPartition

from lineal.bus.kafka.names import LEDGER_GROUP, LINEAGE, WITHOUT_GROUP, Names
from lineal.bus.kafka.topics import Topics
from lineal.bus.protocol import GroupInfo, PartitionLag, TopicInfo
from lineal.kafka_client.committed_offsets import fetch_offsets
from lineal.kafka_client.connection import EARLIEST, LATEST, Connection
from lineal.kafka_client.groups import MemberDescription, describe_groups, list_groups
from lineal.side_by_side import all_of

_MINUTE_MS = 60_000
_SECONDS = 15.0


def is_internal_group(group: str) -> bool:
    """Whether a group is one of this bus's own devices."""
    return group == LEDGER_GROUP or group.startswith(WITHOUT_GROUP)


async def lineal_groups(connection: Connection, names: Names) -> list[str]:
    """The groups of this bus."""
    found = (names.on_lineal(group) for group in await list_groups(connection))
    return sorted(group for group in found if group is not None and not is_internal_group(group))


async def topic_infos(connection: Connection, names: Names, topics: Topics) -> list[TopicInfo]:
    """All topics with their groups and lag, by name. Numbers of events include the few offsets that
    the ends of transactions take.

    Raises:
        KafkaUnavailable
    """
    await connection.retry(connection.refresh_metadata, _SECONDS)
    found = {name: names.on_lineal(name) for name in connection.topics()}
    listed = {
        topic: [TopicPartition(name, n) for n in range(connection.partition_count(name))]
        for name, topic in found.items()
        if topic is not None and topic != LINEAGE
    }
    everywhere = [tp for partitions in listed.values() for tp in partitions]
    first = await connection.list_offsets(everywhere, EARLIEST)
    groups = await _groups(connection, names, first, listed)
    # Asked for after the positions of the groups: their lag is never below zero.
    ends = await connection.list_offsets(everywhere, LATEST)
    since = time.time_ns() // 1_000_000 - _MINUTE_MS
    recent = await connection.list_offsets(everywhere, since)
    retention = await topics.retention_seconds(list(listed))
    return [
        TopicInfo(
            topic=topic,
            partitions=len(partitions),
            events=sum(ends[tp] - first[tp] for tp in partitions),
            published_last_minute=sum(
                ends[tp] - recent[tp] for tp in partitions if recent[tp] >= 0
            ),
            retention_seconds=retention.get(topic),
            groups=tuple(
                GroupInfo(
                    group,
                    topic,
                    tuple(
                        PartitionLag(
                            tp.partition,
                            position,
                            max(ends[tp], position),
                            owner,
                        )
                        for tp, position, owner in lags
                    ),
                )
                for group, lags in sorted(groups.get(topic, {}).items())
            ),
        )
        for topic, partitions in sorted(listed.items())
    ]


async def _groups(
    connection: Connection,
    names: Names,
    first: dict[TopicPartition, int],
    topics: dict[str, list[TopicPartition]],
) -> dict[str, dict[str, list[tuple[TopicPartition, int, str | None]]]]:
    """By topic and group: position and owner of every partition."""
    groups = await lineal_groups(connection, names)
    kafka_names = {group: names.on_kafka(group) for group in groups}
    members = await describe_groups(connection, kafka_names.values())
    positions: dict[str, dict[TopicPartition, int]] = {}

    async def ask(group: str) -> None:
        found = await fetch_offsets(
            connection, kafka_names[group], None, seconds=_SECONDS, require_stable=False
        )
        positions[group] = {tp: offset for tp, (offset, _) in found.items()}

    await all_of(ask(group) for group in groups)
    infos: dict[str, dict[str, list[tuple[TopicPartition, int, str | None]]]] = {}
    for group in groups:
        owners = _owners(members.get(kafka_names[group], ()))
        for topic, partitions in topics.items():
            known = positions[group]
            if any(tp in known or tp in owners for tp in partitions):
                infos.setdefault(topic, {})[group] = [
                    (
                        tp,
                        max(known.get(tp, 0), first[tp]),
                        owners.get(tp),
                    )
                    for tp in partitions
                ]
    return infos


def _owners(members: Iterable[MemberDescription]) -> dict[TopicPartition, str]:
    return {tp: member.name for member in members for tp in member.partitions}
