"""A partition that is assigned to this member: what is in flight, and where it starts."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition

from lineal.kafka_client.committed_offsets import fetch_offsets
from lineal.kafka_client.connection import EARLIEST, LATEST, Connection
from lineal.kafka_client.out_of_order_acks import decode_metadata
from lineal.watermark import Watermark

log = structlog.get_logger(__name__)

_SECONDS = 15.0
_assignments = itertools.count(1)


class StartOffset(NamedTuple):
    """Where a member starts to read a partition."""

    offset: int
    acked: Collection[int]
    """Offsets beyond it that are done (out-of-order acks)."""
    committed: int
    """-1: the group has no committed offset there yet."""


class AssignedPartition:
    """A partition from its assignment until it is revoked or lost.

    Attributes:
        assignment: differs each time the partition is assigned: what was fetched before it was
            lost no longer counts when it comes back.
        watermark: what is in flight and done.
        committed: the committed offset; -1 when there is none.
        revoke_deadline: set while the partition is being revoked: nothing more is read, and it is
            given up when nothing is in flight, or at this time of the event loop.
        rewinds: how often reading went back; what was fetched before does not count.
    """

    __slots__ = (
        "assignment",
        "committed",
        "revoke_deadline",
        "rewinds",
        "topic_partition",
        "watermark",
    )  # fmt: skip

    def __init__(self, topic_partition: TopicPartition, start: StartOffset) -> None:
        self.topic_partition = topic_partition
        self.assignment = next(_assignments)
        self.watermark = Watermark(start.offset, start.acked)
        self.committed = start.committed
        self.revoke_deadline: float | None = None
        self.rewinds = 0


async def fetch_start_offsets(
    connection: Connection,
    group: str,
    topic_partitions: Collection[TopicPartition],
    reset: Mapping[TopicPartition, int] | None,
) -> dict[TopicPartition, StartOffset]:
    """Where to start in each partition, once no open transaction can change it any more.

    Args:
        reset: where to start where the group has no committed offset; None for the log start
            offset (Kafka's ``auto.offset.reset=earliest``).

    Raises:
        KafkaUnavailable
    """
    committed = await fetch_offsets(connection, group, topic_partitions, seconds=_SECONDS)
    earliest = await connection.list_offsets(topic_partitions, EARLIEST)
    latest = await connection.list_offsets(topic_partitions, LATEST)
    starts = {}
    for topic_partition in topic_partitions:
        first = earliest[topic_partition]
        if topic_partition not in committed:
            offset = first if reset is None else max(first, reset.get(topic_partition, first))
            starts[topic_partition] = StartOffset(offset, (), -1)
            continue
        offset, metadata = committed[topic_partition]
        acked, _ = decode_metadata(offset, metadata)
        if not first <= offset <= latest[topic_partition]:
            log.warning(
                "group.offset_out_of_range", group=group, topic=topic_partition.topic,
                partition=topic_partition.partition, position=offset, first=first,
            )  # fmt: skip
            offset = first
            acked = {item for item in acked if offset <= item < latest[topic_partition]}
        starts[topic_partition] = StartOffset(offset, acked, offset)
    return starts
