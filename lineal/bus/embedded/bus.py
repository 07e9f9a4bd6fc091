"""The bus itself: topics, publishing, reading without a group, seeking, lag and retention."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from zlib import crc32

from lineal.bus.embedded.event_rows import (
    append_events,
    first_offset_since,
    partition_ends,
    partition_ids,
    read_events,
)
from lineal.bus.embedded.leases import join_group
from lineal.bus.embedded.overview import topic_infos
from lineal.bus.embedded.retention import remove_expired
from lineal.bus.embedded.subscription import EmbeddedSubscription
from lineal.bus.protocol import (
    Capabilities,
    Delivery,
    Position,
    Selection,
    Settlement,
    Start,
    TopicInfo,
    TopicSettings,
    UnknownTopic,
)
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Record
from lineal.store.database import Database
from lineal.store.memo import keep_memos
from lineal_schemas.envelope import RawEvent, now_us

_READ_AT_ONCE = 200
_LOOK_SECONDS = 1.0
"""How long a follower waits for a wake-up before it looks for itself."""


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same for every process and every run."""
    return crc32(key.encode()) % partitions


class EmbeddedBus:
    """Topics in SQLite.

    Args:
        database: open for as long as the bus is used.
        lease_seconds: how long a worker that neither renews nor dies (one that is stopped, or
            swapped out) keeps its partitions. A dead process is noticed within a second.
    """

    capabilities = Capabilities(
        transactional_settle=True,
        transactional_store=True,
        order_per_key=True,
        seek=True,
        shared_by_processes=True,
        survives_restart=True,
    )

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float = 30.0,
        topic_settings: TopicSettings | None = None,
    ) -> None:
        self.database = database
        self.lease_seconds = lease_seconds
        self._defaults = topic_settings or TopicSettings()
        self._ledger = Ledger()
        self._topics: dict[str, list[int]] = {}
        """Partition ids by topic, in the order of their numbers. They never change."""
        self._subscriptions: set[EmbeddedSubscription] = set()

    async def create_topic(self, topic: str, settings: TopicSettings | None = None) -> None:
        chosen = settings or self._defaults
        if topic in self._topics and settings is None:
            return

        def create(connection: sqlite3.Connection) -> list[int]:
            connection.execute(
                "INSERT INTO topics (name, partitions, retention_seconds, created) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "retention_seconds = excluded.retention_seconds WHERE ?",
                (
                    topic,
                    chosen.partitions,
                    chosen.retention_seconds,
                    now_us(),
                    settings is not None,
                ),
            )
            identifier, partitions = connection.execute(
                "SELECT id, partitions FROM topics WHERE name = ?", (topic,)
            ).fetchone()
            connection.executemany(
                "INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)",
                [(identifier, number) for number in range(partitions)],
            )
            return partition_ids(connection, topic)

        self._topics[topic] = await self.database.write(create)

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        topics = await self._make_topics(topic for topic, _ in events)
        return await self.database.write(
            lambda connection: self._append(connection, events), wake=topics
        )

    async def subscribe(
        self, group: str, topics: Sequence[str], *, start: Start = "beginning"
    ) -> EmbeddedSubscription:
        await self._make_topics(topics)
        partitions = {
            identifier: (topic, number)
            for topic in topics
            for number, identifier in enumerate(self._topics[topic])
        }
        group_id = await self.database.write(
            lambda connection: join_group(connection, group, list(partitions), start)
        )
        subscription = EmbeddedSubscription(self, group_id, group, partitions)
        self._subscriptions.add(subscription)
        await subscription.open()
        return subscription

    async def settle_unowned(self, settlements: Sequence[Settlement]) -> None:
        topics = await self.make_output_topics(settlements)
        await self.database.write(
            lambda connection: self.apply(connection, settlements), wake=topics
        )

    async def record(self, records: Sequence[Record]) -> None:
        await self.database.write(lambda connection: self._ledger.append(connection, records))

    async def read(
        self, topic: str, selection: Selection | None = None, *, follow: bool = False
    ) -> AsyncIterator[Delivery]:
        partitions = self._topics.get(topic) or partition_ids(self.database.reader, topic)
        if not partitions:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")
        chosen = selection or Selection()
        wake = self.database.wakeups.waiter([topic])
        ends = dict.fromkeys(partitions, -1)
        if chosen.from_now:
            ends = {number: end - 1 for number, end in partition_ends(self.database.reader, topic)}
        try:
            while True:
                wake.clear()
                starts = {
                    number: (identifier, max(chosen.from_offset or 0, ends[identifier] + 1))
                    for number, identifier in enumerate(partitions)
                }
                streams = [
                    self._stream(topic, number, identifier, first, chosen.to_offset)
                    for number, (identifier, first) in starts.items()
                ]
                for index, delivery in enumerate(heapq.merge(*streams, key=_published)):
                    ends[partitions[delivery.position.partition]] = delivery.position.offset
                    if chosen.takes(delivery.event):
                        yield delivery
                    elif index % _READ_AT_ONCE == 0:
                        await asyncio.sleep(0)
                if not follow:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await wake.wait()
        finally:
            self.database.wakeups.forget(wake)

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        partitions = partition_ids(self.database.reader, topic)
        if not partitions:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")

        def move(connection: sqlite3.Connection) -> None:
            group_id = join_group(connection, group, partitions, "beginning")
            for identifier in partitions:
                first, end = connection.execute(
                    "SELECT first_offset, next_offset FROM partitions WHERE id = ?", (identifier,)
                ).fetchone()
                if time is not None:
                    target = first_offset_since(connection, identifier, time, first, end)
                else:
                    target = min(max(offset or 0, first), end)
                # The raised epoch takes the partition from its worker, which then goes on from
                # the new position.
                connection.execute(
                    "UPDATE group_partitions SET position = ?, epoch = epoch + 1, owner = NULL "
                    "WHERE group_id = ? AND partition_id = ?",
                    (target, group_id, identifier),
                )
                connection.execute(
                    "DELETE FROM group_completed WHERE group_id = ? AND partition_id = ?",
                    (group_id, identifier),
                )

        await self.database.write(move, wake=[topic, f"group/{group}"])

    async def topics(self) -> list[TopicInfo]:
        return topic_infos(self.database.reader)

    async def forget_group(self, group: str) -> None:
        """Remove a group and its positions."""

        def remove(connection: sqlite3.Connection) -> None:
            for table in ("group_partitions", "group_completed", "group_members"):
                connection.execute(
                    f"DELETE FROM {table} WHERE group_id = (SELECT id FROM groups WHERE name = ?)",
                    (group,),
                )
            connection.execute("DELETE FROM groups WHERE name = ?", (group,))

        await self.database.write(remove)

    async def remove_expired(self) -> int:
        """Remove events past their topic's retention that every group has handled."""
        return await self.database.write(remove_expired)

    async def close(self) -> None:
        for subscription in list(self._subscriptions):
            await subscription.close()

    def left(self, subscription: EmbeddedSubscription) -> None:
        """A subscription was closed."""
        self._subscriptions.discard(subscription)

    def apply(self, connection: sqlite3.Connection, settlements: Sequence[Settlement]) -> None:
        """Everything of settlements but the positions, in the caller's transaction."""
        outputs = [output for settlement in settlements for output in settlement.outputs]
        if outputs:
            self._append(connection, outputs)
        for settlement in settlements:
            for write in settlement.writes:
                write(connection)
        keep_memos(connection, [s.memo for s in settlements if s.memo is not None])
        records = [s.record for s in settlements if s.record is not None]
        if records:
            self._ledger.append(connection, records)

    async def make_output_topics(self, settlements: Sequence[Settlement]) -> set[str]:
        """Make sure that the topics of all outputs exist; returns their names."""
        return await self._make_topics(t for s in settlements for t, _ in s.outputs)

    async def _make_topics(self, names: Iterator[str] | Sequence[str]) -> set[str]:
        topics = set(names)
        for topic in topics:
            if topic not in self._topics:
                await self.create_topic(topic)
        return topics

    def _append(
        self, connection: sqlite3.Connection, events: Sequence[tuple[str, RawEvent]]
    ) -> list[Position]:
        placed = []
        counts: dict[int, int] = {}
        for topic, event in events:
            partitions = self._topics[topic]
            number = partition_of(event.partitionkey, len(partitions))
            identifier = partitions[number]
            index = counts.get(identifier, 0)
            counts[identifier] = index + 1
            placed.append((topic, number, identifier, index, event))
        firsts = append_events(
            connection,
            counts,
            [(identifier, index, event) for _, _, identifier, index, event in placed],
        )
        return [
            Position(topic, number, firsts[identifier] + index)
            for topic, number, identifier, index, _ in placed
        ]

    def _stream(
        self, topic: str, number: int, identifier: int, first: int, to_offset: int | None
    ) -> Iterator[Delivery]:
        while True:
            rows = read_events(self.database.reader, identifier, first, _READ_AT_ONCE, to_offset)
            for offset, event in rows:
                yield Delivery(Position(topic, number, offset), event)
            if len(rows) < _READ_AT_ONCE:
                return
            first = rows[-1][0] + 1


def _published(delivery: Delivery) -> int:
    return delivery.event.time
