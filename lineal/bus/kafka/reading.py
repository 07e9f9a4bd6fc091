"""Reading a topic without a group: to look, to follow, to replay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from heapq import heapify, heappop, heapreplace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lineal.bus.kafka.connection import (
    EARLIEST,
    LATEST,
    Connection,
    stop_consumer,
    unavailable,
)
from lineal.bus.kafka.messages import read_event
from lineal.bus.protocol import Delivery, Position, Selection

_AT_ONCE = 500
_LOOK_MS = 100
_TURN = 200
_LEAST_AWAY_SECONDS, _TIMES_AWAY = 15.0, 3
"""How long brokers may stay away: a restart takes some seconds."""


async def read_topic(
    connection: Connection,
    topic: str,
    find: Callable[[], Awaitable[Sequence[TopicPartition]]],
    selection: Selection,
    *,
    follow: bool,
    patience_seconds: float,
) -> AsyncGenerator[Delivery, None]:
    """See :meth:`lineal.bus.protocol.Bus.read`; partitions are merged by the time of their events.

    Everything is read that was on the topic at the beginning. What an open transaction holds back
    is waited for, at most ``patience_seconds``: it may stand before what was published since.

    Args:
        find: gives the partitions of the topic.

    Raises:
        UnknownTopic: there is no such topic.
        BusUnavailable: also where the brokers stay away for long; nothing is left out silently.
    """
    places = [place for place in await find() if selection.reads(place.partition)]
    ends = await connection.offsets(places, LATEST)
    begins = await _begins(connection, places, selection, ends)
    if selection.to_offset is not None:
        ends = {place: min(end, selection.to_offset) for place, end in ends.items()}
    unread = [place for place in places if follow or begins[place] < ends[place]]
    if not unread:
        return
    consumer = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", fetch_max_wait_ms=_LOOK_MS, check_crcs=False,
        **connection.cluster.client_arguments(),
    )  # fmt: skip
    try:
        await consumer.start()
        consumer.assign(unread)
        for place in unread:
            consumer.seek(place, begins[place])
        reader = _Reader(connection, consumer, topic, unread, ends, patience_seconds)
        async for portion in reader.bounded():
            for delivery in portion:
                if selection.takes(delivery.event):
                    yield delivery
            await asyncio.sleep(0)
        if follow:
            async for delivery in reader.coming(selection.to_offset):
                if selection.takes(delivery.event):
                    yield delivery
    except (KafkaError, OSError) as error:
        raise unavailable(error) from error
    finally:
        await stop_consumer(consumer)


async def _begins(
    connection: Connection,
    places: Sequence[TopicPartition],
    selection: Selection,
    ends: dict[TopicPartition, int],
) -> dict[TopicPartition, int]:
    if selection.from_now:
        return dict(ends)
    if selection.from_time is not None:
        # A message's time is the event's, in milliseconds; nothing before is that late.
        found = await connection.offsets(places, selection.from_time // 1000)
        begins = {place: ends[place] if at < 0 else at for place, at in found.items()}
    else:
        begins = await connection.offsets(places, EARLIEST)
    first = selection.from_offset or 0
    return {place: max(begin, first) for place, begin in begins.items()}


class _Reader:
    """A bounded part of each partition is in memory; the earliest of their heads is next."""

    def __init__(
        self,
        connection: Connection,
        consumer: AIOKafkaConsumer,
        topic: str,
        places: Sequence[TopicPartition],
        ends: dict[TopicPartition, int],
        patience_seconds: float,
    ) -> None:
        self._connection = connection
        self._consumer = consumer
        self._topic = topic
        self._places = places
        self._ends = ends
        self._patience_seconds = patience_seconds
        self._heads: dict[TopicPartition, deque[Delivery]] = {place: deque() for place in places}
        self._few = dict.fromkeys(places, 0)
        """Of so many heads of a partition more are fetched: the brokers' answer comes while these
        are taken."""
        self._open = set(places)

    async def bounded(self) -> AsyncIterator[Sequence[Delivery]]:
        """Up to the ends; the rest of what was read stays for :meth:`coming`."""
        loop = asyncio.get_running_loop()
        moved = loop.time()
        while True:
            hungry = [place for place in self._open if len(self._heads[place]) <= self._few[place]]
            starving = [place for place in hungry if not self._heads[place]]
            if hungry:
                found = await self._fetch(hungry, _LOOK_MS if starving else 0)
                await self._close_ended(hungry)
                if found:
                    moved = loop.time()
                elif starving and loop.time() - moved > self._patience_seconds:
                    self._open.difference_update(await self._held_back(starving))
                    moved = loop.time()
            if any(place in self._open and not self._heads[place] for place in starving):
                continue
            if not any(self._heads.values()):
                return
            yield self._merged(_TURN)

    def _merged(self, most: int) -> Sequence[Delivery]:
        """By the time of the events, until more is needed of a partition."""
        merged: list[Delivery] = []
        heap = [
            (heads[0].event.time, number, place)
            for number, (place, heads) in enumerate(self._heads.items())
            if heads
        ]
        heapify(heap)
        while heap and len(merged) < most:
            _, number, place = heap[0]
            heads = self._heads[place]
            merged.append(heads.popleft())
            if heads:
                heapreplace(heap, (heads[0].event.time, number, place))
            elif place in self._open:
                break
            else:
                heappop(heap)
        return merged

    async def coming(self, to_offset: int | None) -> AsyncIterator[Delivery]:
        """What comes after, as it comes."""
        while True:
            for place in self._places:
                heads = self._heads[place]
                while heads:
                    delivery = heads.popleft()
                    if to_offset is None or delivery.position.offset < to_offset:
                        yield delivery
            await self._fetch(self._places, 1000)

    async def _fetch(self, places: Sequence[TopicPartition], milliseconds: int) -> bool:
        found = await self._consumer.getmany(
            *places, timeout_ms=milliseconds, max_records=_AT_ONCE * len(places)
        )
        for place, records in found.items():
            self._few[place] = len(records) // 2
            topic, partition = self._topic, place.partition
            self._heads[place] += [
                Delivery(
                    Position(topic, partition, record.offset),
                    read_event(
                        topic, partition, record.offset, record.key, record.value, record.headers,
                        record.timestamp,
                    ),
                )
                for record in records
            ]  # fmt: skip
        return bool(found)

    async def _close_ended(self, places: Sequence[TopicPartition]) -> None:
        for place in places:
            end = self._ends[place]
            heads = self._heads[place]
            if await self._consumer.position(place) >= end:
                self._open.discard(place)
            while heads and heads[-1].position.offset >= end:
                self._later(place, heads.pop())

    async def _held_back(self, places: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Those of which an open transaction holds back what is next; else it is the brokers of
        whom nothing was heard, and they are asked, and given time."""
        seconds = max(_LEAST_AWAY_SECONDS, _TIMES_AWAY * self._patience_seconds)
        stable = await self._connection.offsets(places, LATEST, committed=True, seconds=seconds)
        return [p for p in places if stable[p] <= await self._consumer.position(p)]

    def _later(self, place: TopicPartition, delivery: Delivery) -> None:
        """Published since: seen when following, by reading it again."""
        self._consumer.seek(place, delivery.position.offset)
