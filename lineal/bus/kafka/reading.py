"""Reads a topic without a group, from a position to the end or on and on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from heapq import heapify, heappop, heapreplace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lineal.bus.kafka.messages import read_event
from lineal.bus.kafka.translation import translated_errors
from lineal.bus.protocol import Delivery, Position, Selection
from lineal.kafka_client.connection import (
    EARLIEST,
    LATEST,
    Connection,
    unavailable,
)
from lineal.kafka_client.consumers import check_fetching, read_committed_consumer, stop_consumer

_BATCH_SIZE = 500
_LOOK_MS = 100
_TURN = 200
_TIMES_AWAY = 3
"""Unreachable brokers are waited for at least so many times as long as an open transaction."""


async def read_topic(
    connection: Connection,
    topic: str,
    find: Callable[[], Awaitable[Sequence[TopicPartition]]],
    selection: Selection,
    *,
    follow: bool,
    transaction_seconds: float,
    away_seconds: float,
    begun: Callable[[], None] | None = None,
) -> AsyncGenerator[Delivery, None]:
    """See :meth:`lineal.bus.protocol.Bus.read`; partitions are merged by the time of their events.

    Everything is read that was on the topic at the beginning. What an open transaction holds back
    is waited for, at most ``transaction_seconds``: it may stand before what was published since.

    Args:
        find: gives the partitions of the topic.
        away_seconds: how long brokers may stay away.

    Raises:
        UnknownTopic: there is no such topic.
        BusUnavailable: also where the brokers stay away for long; nothing is left out silently.
    """
    with translated_errors():
        partitions = [item for item in await find() if selection.reads(item.partition)]
        ends = await connection.list_offsets(partitions, LATEST)
        begins = await _begins(connection, partitions, selection, ends)
        if begun is not None:
            begun()
        if selection.to_offset is not None:
            ends = {item: min(end, selection.to_offset) for item, end in ends.items()}
        unread = [item for item in partitions if follow or begins[item] < ends[item]]
        if not unread:
            return
        consumer = read_committed_consumer(connection.cluster, fetch_max_wait_ms=_LOOK_MS)
        try:
            await consumer.start()
            consumer.assign(unread)
            for tp in unread:
                consumer.seek(tp, begins[tp])
            reader = _Reader(
                connection, consumer, topic, unread, ends, transaction_seconds,
                max(away_seconds, _TIMES_AWAY * transaction_seconds),
            )  # fmt: skip
            async for portion in reader.bounded():
                for delivery in portion:
                    if selection.matches(delivery.event):
                        yield delivery
                await asyncio.sleep(0)
            if follow:
                async for delivery in reader.coming(selection.to_offset):
                    if selection.matches(delivery.event):
                        yield delivery
        except (KafkaError, OSError) as error:
            raise unavailable(error) from error
        finally:
            await stop_consumer(consumer)


async def _begins(
    connection: Connection,
    partitions: Sequence[TopicPartition],
    selection: Selection,
    ends: dict[TopicPartition, int],
) -> dict[TopicPartition, int]:
    if selection.from_now:
        return dict(ends)
    if selection.from_time is not None:
        # A message's time is the event's, in milliseconds; nothing before is that late.
        found = await connection.list_offsets(partitions, selection.from_time // 1000)
        begins = {tp: ends[tp] if at < 0 else at for tp, at in found.items()}
    else:
        begins = await connection.list_offsets(partitions, EARLIEST)
    first = selection.from_offset or 0
    return {tp: max(begin, first) for tp, begin in begins.items()}


class _Reader:
    """A bounded part of each partition is in memory; the earliest of their heads is next."""

    def __init__(
        self,
        connection: Connection,
        consumer: AIOKafkaConsumer,
        topic: str,
        partitions: Sequence[TopicPartition],
        ends: dict[TopicPartition, int],
        transaction_seconds: float,
        away_seconds: float,
    ) -> None:
        self._connection = connection
        self._consumer = consumer
        self._topic = topic
        self._places = partitions
        self._ends = ends
        self._transaction_seconds = transaction_seconds
        self._away_seconds = away_seconds
        self._heads: dict[TopicPartition, deque[Delivery]] = {tp: deque() for tp in partitions}
        self._few = dict.fromkeys(partitions, 0)
        """Of so many heads of a partition more are fetched: the brokers' answer comes while these
        are taken."""
        self._open = set(partitions)

    async def bounded(self) -> AsyncIterator[Sequence[Delivery]]:
        """Up to the ends; the rest of what was read stays for :meth:`coming`."""
        loop = asyncio.get_running_loop()
        moved = loop.time()
        while True:
            to_fetch = [tp for tp in self._open if len(self._heads[tp]) <= self._few[tp]]
            empty = [tp for tp in to_fetch if not self._heads[tp]]
            if to_fetch:
                found = await self._fetch(to_fetch, _LOOK_MS if empty else 0)
                await self._close_ended(to_fetch)
                if found:
                    moved = loop.time()
                elif empty and loop.time() - moved > self._transaction_seconds:
                    self._open.difference_update(await self._held_back(empty))
                    moved = loop.time()
            if any(tp in self._open and not self._heads[tp] for tp in empty):
                continue
            if not any(self._heads.values()):
                return
            yield self._merged(_TURN)

    def _merged(self, most: int) -> Sequence[Delivery]:
        """By the time of the events, until more is needed of a partition."""
        merged: list[Delivery] = []
        heap = [
            (heads[0].event.time, number, tp)
            for number, (tp, heads) in enumerate(self._heads.items())
            if heads
        ]
        heapify(heap)
        while heap and len(merged) < most:
            _, number, tp = heap[0]
            heads = self._heads[tp]
            merged.append(heads.popleft())
            if heads:
                heapreplace(heap, (heads[0].event.time, number, tp))
            elif tp in self._open:
                break
            else:
                heappop(heap)
        return merged

    async def coming(self, to_offset: int | None) -> AsyncIterator[Delivery]:
        """What comes after, as it comes."""
        while True:
            for tp in self._places:
                heads = self._heads[tp]
                while heads:
                    delivery = heads.popleft()
                    if to_offset is None or delivery.position.offset < to_offset:
                        yield delivery
            await self._fetch(self._places, 1000)

    async def _fetch(self, partitions: Sequence[TopicPartition], milliseconds: int) -> bool:
        check_fetching(self._consumer)
        found = await self._consumer.getmany(
            *partitions, timeout_ms=milliseconds, max_records=_BATCH_SIZE * len(partitions)
        )
        for tp, records in found.items():
            self._few[tp] = len(records) // 2
            topic, partition = self._topic, tp.partition
            self._heads[tp] += [
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

    async def _close_ended(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            end = self._ends[tp]
            heads = self._heads[tp]
            if await self._consumer.position(tp) >= end:
                self._open.discard(tp)
            while heads and heads[-1].position.offset >= end:
                self._later(tp, heads.pop())

    async def _held_back(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        """The partitions whose next records an open transaction holds back. If there are none, the
        brokers did not answer: they are asked again, and given time."""
        stable = await self._connection.list_offsets(
            partitions, LATEST, read_committed=True, seconds=self._away_seconds
        )
        return [p for p in partitions if stable[p] <= await self._consumer.position(p)]

    def _later(self, tp: TopicPartition, delivery: Delivery) -> None:
        """Published since: seen when following, by reading it again."""
        self._consumer.seek(tp, delivery.position.offset)
