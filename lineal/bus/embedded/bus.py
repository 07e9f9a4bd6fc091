"""The embedded bus: publish, subscribe, read without a group, seek, lag."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import structlog

from lineal.bus.embedded.event_rows import (
    first_offset_since,
    partition_ends,
    partition_ids,
    read_events,
)
from lineal.bus.embedded.leases import join_group
from lineal.bus.embedded.overview import topic_infos
from lineal.bus.embedded.retention import remove_expired
from lineal.bus.embedded.subscription import EmbeddedSubscription
from lineal.bus.embedded.topics import Topics
from lineal.bus.protocol import (
    Addressed,
    Capabilities,
    Delivery,
    OnRevoking,
    Position,
    Selection,
    Start,
    TopicInfo,
    TopicSettings,
)
from lineal.effects.effect import Effect, apply
from lineal.errors import UnknownTopic
from lineal.store.database import Database
from lineal.store.sqlite import SqliteConnection

log = structlog.get_logger(__name__)

_READ_BATCH_SIZE = 200
_MAINTENANCE_SECONDS = 60.0
_POLL_SECONDS = 1.0
"""How long a follower waits for a wake-up before it polls."""


class EmbeddedBus:
    """Topics in SQLite.

    Args:
        database: open for as long as the bus is used.
        lease_seconds: how long a worker that neither renews nor dies (one that is stopped, or
            swapped out) keeps its partitions. A dead process is noticed within a second.
    """

    capabilities = Capabilities(
        transactional_outputs=True,
        applies_effects=True,
        transactional_effects=True,
        seek=True,
        keeps_unhandled=True,
        erases=True,
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
        self._topics = Topics(database, topic_settings or TopicSettings())
        self._subscriptions: set[EmbeddedSubscription] = set()
        self._maintenance: asyncio.Task[None] | None = None

    @property
    def identity(self) -> str:
        return f"sqlite:{self.database.path.resolve()}:"

    async def create_topic(
        self,
        topic: str,
        settings: TopicSettings | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> None:
        await self._topics.create(topic, settings)

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        topics = await self._topics.ensure(topic for topic, _ in outputs)

        def write(connection: SqliteConnection) -> list[Position]:
            positions = self._topics.append(connection, outputs)
            apply(connection, effects)
            return positions

        return await self.database.write(write, wake=topics)

    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        on_revoking: OnRevoking | None = None,
    ) -> EmbeddedSubscription:
        await self._topics.ensure(topics)
        partitions = {
            identifier: (topic, number)
            for topic in topics
            for number, identifier in enumerate(self._topics.partitions(topic))
        }
        group_id = await self.database.write(
            lambda connection: join_group(connection, group, list(partitions), start)
        )
        subscription = EmbeddedSubscription(
            self.database,
            self._topics,
            group_id,
            group,
            partitions,
            lease_seconds=self.lease_seconds,
            on_revoking=on_revoking,
            on_closed=self._subscriptions.discard,
        )
        self._subscriptions.add(subscription)
        await subscription.open()
        if self._maintenance is None:
            self._maintenance = asyncio.create_task(self._maintain(), name="retention")
        return subscription

    async def read(
        self,
        topic: str,
        selection: Selection | None = None,
        *,
        follow: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> AsyncIterator[Delivery]:
        partitions = self._topics.partitions(topic)
        if not partitions:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")
        chosen = selection or Selection()
        wake = self.database.wakeups.waiter([topic])
        ends = dict.fromkeys(partitions, -1)
        if chosen.from_now:
            ends = {number: end - 1 for number, end in partition_ends(self.database.reader, topic)}
        if begun is not None:
            begun()
        try:
            while True:
                wake.clear()
                starts = {
                    number: (identifier, max(chosen.from_offset or 0, ends[identifier] + 1))
                    for number, identifier in enumerate(partitions)
                    if chosen.reads(number)
                }
                # Who follows goes on behind the last that was read, whether it was chosen or not.
                narrow = Selection() if follow else chosen
                streams = [
                    self._stream(topic, number, identifier, first, chosen.to_offset, narrow)
                    for number, (identifier, first) in starts.items()
                ]
                for index, delivery in enumerate(heapq.merge(*streams, key=_published)):
                    ends[partitions[delivery.position.partition]] = delivery.position.offset
                    if chosen.matches(delivery.event):
                        yield delivery
                    elif index % _READ_BATCH_SIZE == 0:
                        await asyncio.sleep(0)
                if not follow:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await wake.wait()
        finally:
            self.database.wakeups.forget(wake)

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        partitions = partition_ids(self.database.reader, topic)
        if not partitions:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")

        def move(connection: SqliteConnection) -> None:
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
        return topic_infos(self.database.reader, self.database.wakeups)

    async def _maintain(self) -> None:
        """Remove events past their topic's retention that every group has handled, while there are
        workers in this process."""
        while True:
            await asyncio.sleep(_MAINTENANCE_SECONDS)
            try:
                removed = await self.database.write(remove_expired)
            except Exception as error:
                # A full disk, say: the next round tries again.
                log.warning("retention.failed", error=repr(error))
                continue
            if removed:
                log.info("retention.removed", events=removed)

    async def close(self) -> None:
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        for subscription in list(self._subscriptions):
            await subscription.close()

    def _stream(
        self,
        topic: str,
        number: int,
        identifier: int,
        first: int,
        to_offset: int | None,
        chosen: Selection,
    ) -> Iterator[Delivery]:
        while True:
            rows = read_events(
                self.database.reader, identifier, first, _READ_BATCH_SIZE, to_offset,
                key=chosen.key, from_time=chosen.from_time,
            )  # fmt: skip
            for offset, event in rows:
                yield Delivery(Position(topic, number, offset), event)
            if len(rows) < _READ_BATCH_SIZE:
                return
            first = rows[-1][0] + 1


def _published(delivery: Delivery) -> int:
    return delivery.event.time
