"""Lists topics with their numbers of events, groups and lag."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from lineal.bus.kafka.names import WITHOUT_GROUP, Names
from lineal.bus.kafka.topics import Topics
from lineal.bus.protocol import GroupInfo, PartitionLag, TopicInfo
from lineal.concurrency import gather_all
from lineal.kafka_client.committed_offsets import fetch_offsets
from lineal.kafka_client.connection import EARLIEST, LATEST, Connection
from lineal.kafka_client.groups import MemberDescription, describe_groups, list_groups
from lineal.kafka_client.out_of_order_acks import decode_metadata
from lineal.kafka_client.record_counts import RecordCounts, count_records
from lineal.lineage.topic import LEDGER_GROUP

_MINUTE_MS = 60_000
_SECONDS = 15.0
_MAX_COUNTED_OFFSETS = 1000
_MAX_COUNTED_BYTES = 8 << 20
"""Counting means fetching: what is larger is not counted."""


class _GroupPartition(NamedTuple):
    """How far a group is in a partition."""

    group: str
    position: int
    acked: int
    """Events that are done beyond the position."""
    owner: str | None
    works_elsewhere: bool


async def lineal_groups(connection: Connection, names: Names) -> list[str]:
    """The groups of this bus."""
    found = (names.on_lineal(group) for group in await list_groups(connection))
    return sorted(
        group for group in found if group is not None and not group.startswith(WITHOUT_GROUP)
    )


async def topic_infos(
    connection: Connection, names: Names, topics: Topics, client_id: str
) -> list[TopicInfo]:
    """All topics with their groups and lag, by name.

    Events are those that a read_committed consumer gets. Where there are more than so many offsets,
    they are not counted: then the offsets say how many there are at most.

    Raises:
        KafkaUnavailable
    """
    await connection.retry(connection.refresh_metadata, _SECONDS)
    found = {name: names.on_lineal(name) for name in connection.topics()}
    listed = {
        topic: [TopicPartition(name, n) for n in range(connection.partition_count(name))]
        for name, topic in found.items()
        if topic is not None
    }
    everywhere = [tp for partitions in listed.values() for tp in partitions]
    first = await connection.list_offsets(everywhere, EARLIEST)
    groups = await _groups(connection, names, first, listed, client_id)
    # Asked for after the positions of the groups: their lag is never below zero. The last stable
    # offset: what an open transaction has written is not published yet (KIP-98).
    ends = await connection.list_offsets(everywhere, LATEST, read_committed=True)
    since = time.time_ns() // 1_000_000 - _MINUTE_MS
    recent = await connection.list_offsets(everywhere, since)
    counts = await _count(connection, first, ends, groups)
    retention = await topics.retention_seconds(list(listed))
    infos = []
    for topic, partitions in sorted(listed.items()):
        events = [counts[tp].since(first[tp]) for tp in partitions]
        published = [counts[tp].since(recent[tp]).number for tp in partitions if recent[tp] >= 0]
        infos.append(
            TopicInfo(
                topic=topic,
                partitions=len(partitions),
                events=sum(item.number for item in events),
                published_last_minute=sum(published),
                retention_seconds=retention.get(topic),
                groups=_group_infos(topic, partitions, groups, counts),
                counted=all(item.counted for item in events),
            )
        )
    return infos


class _Number(NamedTuple):
    number: int
    counted: bool


class _Counts(NamedTuple):
    """What is known of the events of a partition."""

    end: int
    start: int
    """Events from here on are counted."""
    records: RecordCounts | None

    def since(self, offset: int) -> _Number:
        """The number of events from an offset on: exact, or an upper bound."""
        if offset >= self.end:
            return _Number(0, True)
        if self.records is not None and offset >= self.start:
            return _Number(self.records.since(offset), True)
        return _Number(self.end - offset, False)


def _group_infos(
    topic: str,
    partitions: Collection[TopicPartition],
    groups: Mapping[TopicPartition, Collection[_GroupPartition]],
    counts: Mapping[TopicPartition, _Counts],
) -> tuple[GroupInfo, ...]:
    lags: dict[str, list[PartitionLag]] = {}
    elsewhere: dict[str, bool] = {}
    for tp in partitions:
        for group, position, acked, owner, elsewhere[group] in groups.get(tp, ()):
            known = counts[tp]
            left, end = known.since(position).number, max(known.end, position)
            lag = PartitionLag(tp.partition, position, end, owner, max(0, left - acked))
            lags.setdefault(group, []).append(lag)
    return tuple(
        GroupInfo(group, topic, tuple(found), elsewhere[group])
        for group, found in sorted(lags.items())
    )


async def _count(
    connection: Connection,
    first: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    groups: Mapping[TopicPartition, Collection[_GroupPartition]],
) -> dict[TopicPartition, _Counts]:
    """Count all events of short partitions, and of longer ones those that a group has yet to
    handle."""
    ranges: dict[TopicPartition, tuple[int, int]] = {}
    for tp, end in ends.items():
        starts = [first[tp], *(item.position for item in groups.get(tp, ()))]
        near = [start for start in starts if start < end <= start + _MAX_COUNTED_OFFSETS]
        if near:
            ranges[tp] = min(near), end
    counted = await count_records(connection, ranges, _MAX_COUNTED_BYTES)
    return {
        tp: _Counts(end, ranges.get(tp, (end, end))[0], counted.get(tp)) for tp, end in ends.items()
    }


async def _groups(
    connection: Connection,
    names: Names,
    first: Mapping[TopicPartition, int],
    topics: Mapping[str, Collection[TopicPartition]],
    client_id: str,
) -> dict[TopicPartition, list[_GroupPartition]]:
    """The groups that read a partition."""
    groups = await lineal_groups(connection, names)
    kafka_names = {group: names.on_kafka(group) for group in groups}
    members = await describe_groups(connection, kafka_names.values())
    committed: dict[str, dict[TopicPartition, tuple[int, str]]] = {}

    async def ask(group: str) -> None:
        committed[group] = await fetch_offsets(
            connection, kafka_names[group], None, seconds=_SECONDS, require_stable=False
        )

    await gather_all(ask(group) for group in groups)
    infos: dict[TopicPartition, list[_GroupPartition]] = {}
    for group in groups:
        present = members.get(kafka_names[group], ())
        owners = _owners(present)
        elsewhere = group != LEDGER_GROUP and any(m.client_id != client_id for m in present)
        known = committed[group]
        for partitions in topics.values():
            if not any(tp in known or tp in owners for tp in partitions):
                continue
            for tp in partitions:
                offset, metadata = known.get(tp, (0, ""))
                position = max(offset, first[tp])
                acked = sum(item >= position for item in decode_metadata(offset, metadata)[0])
                infos.setdefault(tp, []).append(
                    _GroupPartition(group, position, acked, owners.get(tp), elsewhere)
                )
    return infos


def _owners(members: Iterable[MemberDescription]) -> dict[TopicPartition, str]:
    return {tp: member.name for member in members for tp in member.partitions}
