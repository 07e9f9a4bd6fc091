"""What topics there are, how full they are, and how far their groups have come."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aiokafka import TopicPartition

from lineal.bus.kafka.committed import committed_offsets
from lineal.bus.kafka.connection import EARLIEST, LATEST, Connection
from lineal.bus.kafka.groups import GroupMember, group_members, group_names
from lineal.bus.kafka.names import LEDGER_GROUP, LINEAGE, WITHOUT_GROUP, Names
from lineal.bus.kafka.topics import Topics
from lineal.bus.protocol import GroupInfo, PartitionLag, TopicInfo
from lineal.side_by_side import all_of

_MINUTE_MS = 60_000
_SECONDS = 15.0


def is_internal_group(group: str) -> bool:
    """Whether a group is one of this bus's own devices."""
    return group == LEDGER_GROUP or group.startswith(WITHOUT_GROUP)


async def lineal_groups(connection: Connection, names: Names) -> list[str]:
    """The groups of this bus."""
    found = (names.on_lineal(group) for group in await group_names(connection))
    return sorted(group for group in found if group is not None and not is_internal_group(group))


async def topic_infos(connection: Connection, names: Names, topics: Topics) -> list[TopicInfo]:
    """All topics with their groups and lag, by name. Numbers of events include the few offsets that
    the ends of transactions take.

    Raises:
        BusUnavailable
    """
    await connection.persist(connection.refresh, _SECONDS)
    found = {name: names.on_lineal(name) for name in connection.topics()}
    listed = {
        topic: [TopicPartition(name, n) for n in range(connection.partition_count(name))]
        for name, topic in found.items()
        if topic is not None and topic != LINEAGE
    }
    places = [place for partitions in listed.values() for place in partitions]
    first = await connection.offsets(places, EARLIEST)
    groups = await _groups(connection, names, first, listed)
    # Asked for after the positions of the groups: their lag is never below zero.
    ends = await connection.offsets(places, LATEST)
    since = time.time_ns() // 1_000_000 - _MINUTE_MS
    recent = await connection.offsets(places, since)
    retention = await topics.retention_seconds(list(listed))
    return [
        TopicInfo(
            topic=topic,
            partitions=len(partitions),
            events=sum(ends[place] - first[place] for place in partitions),
            published_last_minute=sum(
                ends[place] - recent[place] for place in partitions if recent[place] >= 0
            ),
            retention_seconds=retention.get(topic),
            groups=tuple(
                GroupInfo(
                    group,
                    topic,
                    tuple(
                        PartitionLag(place.partition, position, max(ends[place], position), owner)
                        for place, position, owner in lags
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
    members = await group_members(connection, kafka_names.values())
    positions: dict[str, dict[TopicPartition, int]] = {}

    async def ask(group: str) -> None:
        found = await committed_offsets(
            connection, kafka_names[group], None, seconds=_SECONDS, stable=False
        )
        positions[group] = {place: offset for place, (offset, _) in found.items()}

    await all_of(ask(group) for group in groups)
    infos: dict[str, dict[str, list[tuple[TopicPartition, int, str | None]]]] = {}
    for group in groups:
        owners = _owners(members.get(kafka_names[group], ()))
        for topic, partitions in topics.items():
            known = positions[group]
            if any(place in known or place in owners for place in partitions):
                infos.setdefault(topic, {})[group] = [
                    (place, max(known.get(place, 0), first[place]), owners.get(place))
                    for place in partitions
                ]
    return infos


def _owners(members: Iterable[GroupMember]) -> dict[TopicPartition, str]:
    return {place: member.name for member in members for place in member.partitions}
