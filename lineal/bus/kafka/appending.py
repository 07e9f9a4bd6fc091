"""Appending what stands on the lineage topic to the ledger, each message once.

The store keeps how far it has come, and moves that mark in the transaction that appends the
records: whoever was stopped and wakes up, or reads something twice, finds the mark elsewhere and
writes nothing. So any number may write; one of a group is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import NamedTuple

from aiokafka import TopicPartition

from lineal.bus.kafka.lineage import read_message
from lineal.kafka_client.connection import Cluster
from lineal.kafka_client.consumers import read_committed_consumer, stop_consumer
from lineal.lineage.ledger import Ledger
from lineal.store.connection import Connection, Store
from lineal.store.memo import keep_memos
from lineal.store.positions import Overtaken, advance, position_of

_MESSAGES_AT_ONCE = 64
_FETCH_BYTES = 16 << 20
"""More than comes in between two writes: one answer brings all of it."""
_LOOK_SECONDS = 0.1
_LEAST_APART_SECONDS, _MOST_APART_SECONDS = 0.1, 0.4
_TIMES_APART = 4
"""Between the beginnings of two writes lies so many times what the last one took: under load, few
large ones, which change each page of the indexes once, cost a fifth less than many."""


class Source(NamedTuple):
    """What is copied into a store."""

    topic_partition: TopicPartition
    """The lineage topic's one partition."""
    name: str
    """What the store knows it by."""


class Stretch(NamedTuple):
    """Consecutive messages of the lineage topic."""

    source: str
    """What the store knows the topic by."""
    begin: int
    """The offset up to which the store is thought to have come."""
    end: int
    messages: Sequence[tuple[int, bytes]]
    """Those between, with their offsets: where markers stand there are none."""


class Appended(NamedTuple):
    """How far the store has come, and what is to be told of it."""

    mark: int
    unreadable: Sequence[tuple[int, str]] = ()
    """Offsets, and what is wrong there."""
    changed: Sequence[bytes] = ()
    """Steps whose outputs are not those that the memo knows."""


def append(stretch: Stretch, connection: Connection) -> Appended:
    """Write a stretch, and move the store's mark with it; nothing if the mark is elsewhere."""
    try:
        advance(connection, stretch.source, stretch.begin, stretch.end)
    except Overtaken as error:
        return Appended(error.position)
    canonical, memos, unreadable = [], [], []
    for offset, message in stretch.messages:
        try:
            found, remembered = read_message(message)
        except ValueError as error:
            unreadable.append((offset, str(error)))
            continue
        canonical += found
        memos += [(entry.step, entry.outputs) for entry in remembered]
    Ledger().append_canonical(connection, canonical)
    return Appended(stretch.end, unreadable, keep_memos(connection, memos))


async def copy(
    cluster: Cluster, store: Store, source: Source, end: int | None = None
) -> AsyncGenerator[Appended, None]:
    """Append what comes, from the store's mark on to ``end``, or for ever; says so after each
    write.

    Raises:
        KafkaError, OSError: the topic cannot be read.
        StoreUnavailable: nothing was written.
    """
    consumer = read_committed_consumer(
        cluster, fetch_max_wait_ms=200, max_partition_fetch_bytes=_FETCH_BYTES
    )
    await consumer.start()
    loop = asyncio.get_running_loop()
    partition, name = source
    try:
        consumer.assign([partition])
        mark = await store.read(lambda connection: position_of(connection, name))
        consumer.seek(partition, mark)
        while end is None or mark < end:
            found = await consumer.getmany(
                timeout_ms=round(_LOOK_SECONDS * 1000), max_records=_MESSAGES_AT_ONCE
            )
            reached = await consumer.position(partition)
            if reached <= mark:
                continue
            stretch = Stretch(
                name,
                mark,
                reached,
                [(m.offset, m.value or b"") for m in found.get(partition, ())],
            )
            begun = loop.time()
            appended = await store.write(partial(append, stretch))
            mark = appended.mark
            yield appended
            if mark != reached:
                # Another one has written it, and perhaps more.
                consumer.seek(partition, mark)
            if len(stretch.messages) < _MESSAGES_AT_ONCE and mark != end:
                took = loop.time() - begun
                apart = max(_LEAST_APART_SECONDS, _TIMES_APART * took)
                await asyncio.sleep(min(apart, _MOST_APART_SECONDS) - took)
    finally:
        await stop_consumer(consumer)
