"""A partition that a worker holds: how far it is done, and where it begins."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.committed import committed_offsets
from lineal.bus.kafka.completed import decode
from lineal.bus.kafka.connection import EARLIEST, LATEST, Connection
from lineal.bus.watermark import Watermark

log = structlog.get_logger(__name__)

_SECONDS = 15.0
_generations = itertools.count(1)


class Beginning(NamedTuple):
    """Where a group stands in a partition."""

    position: int
    completed: Collection[int]
    """What is done beyond."""
    committed: int
    """-1: the group has no position there yet."""


class Holding:
    """A partition that is ours."""

    __slots__ = (
        "committed",
        "generation",
        "gives_up_at",
        "place",
        "rewinds",
        "topic",
        "watermark",
    )  # fmt: skip

    def __init__(self, place: TopicPartition, topic: str, begin: Beginning) -> None:
        self.place = place
        self.topic = topic
        self.generation = next(_generations)
        self.watermark = Watermark(begin.position, begin.completed)
        self.committed = begin.committed
        self.gives_up_at: float | None = None
        """Asked back: nothing more is read, and it is let go of when nothing is in flight, or at
        this time."""
        self.rewinds = 0
        """How often reading went back. What was read before does not count."""


async def find_beginnings(
    connection: Connection,
    group: str,
    places: Collection[TopicPartition],
    first: Mapping[TopicPartition, int] | None,
) -> dict[TopicPartition, Beginning]:
    """Where to begin in each partition, once no open transaction can change it any more.

    Args:
        first: where to begin where the group has no position; None for the beginning.

    Raises:
        BusUnavailable
    """
    committed = await committed_offsets(connection, group, places, seconds=_SECONDS)
    earliest = await connection.offsets(places, EARLIEST)
    latest = await connection.offsets(places, LATEST)
    begins = {}
    for place in places:
        if place not in committed:
            begin = earliest[place]
            if first is not None:
                begin = max(begin, first.get(place, begin))
            begins[place] = Beginning(begin, (), -1)
            continue
        position, metadata = committed[place]
        completed, _ = decode(position, metadata)
        if not earliest[place] <= position <= latest[place]:
            log.warning(
                "group.position_is_gone", group=group, topic=place.topic,
                partition=place.partition, position=position, first=earliest[place],
            )  # fmt: skip
            position = earliest[place]
            completed = {offset for offset in completed if position <= offset < latest[place]}
        begins[place] = Beginning(position, completed, position)
    return begins
