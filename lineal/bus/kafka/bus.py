"""The Kafka bus: publish, subscribe, read without a group, seek, lag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.cluster import cluster_of, connect
from lineal.bus.kafka.committing import Batches
from lineal.bus.kafka.effect_transactions import EffectTransactions
from lineal.bus.kafka.fenced import FencedCommitter
from lineal.bus.kafka.names import WITHOUT_GROUP, Names
from lineal.bus.kafka.overview import topic_infos
from lineal.bus.kafka.publishing import Publisher
from lineal.bus.kafka.reading import read_topic
from lineal.bus.kafka.subscription import KafkaSubscription
from lineal.bus.kafka.topics import Topics
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.bus.kafka.ungrouped import UngroupedCommitter
from lineal.bus.marks import Marks
from lineal.bus.protocol import (
    Addressed,
    Capabilities,
    Delivery,
    OnRevoking,
    Position,
    PublishFenced,
    Selection,
    Start,
    TopicInfo,
    TopicSettings,
)
from lineal.effects.effect import Effect
from lineal.errors import UnknownTopic
from lineal.kafka_client.connection import EARLIEST, LATEST, Connection
from lineal.kafka_client.group_consumer import GroupConsumer
from lineal.kafka_client.group_consumer import OnRevoking as OnRevokingPartitions
from lineal.kafka_client.groups import reset_offsets
from lineal.kafka_client.producer import IdempotentProducer
from lineal.kafka_client.static_member_id import StaticMemberId
from lineal.kafka_client.transactions import AlternatingProducers
from lineal.lineage.topic import LINEAGE_TOPIC

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings

log = structlog.get_logger(__name__)

_REVOKE_SECONDS = 20.0


class KafkaBus:
    """Topics on a Kafka cluster.

    Args:
        folder: the data folder, shared by the processes of this machine that may replace each
            other.
        marks: what is published is marked with; None: not at all.
    """

    capabilities = Capabilities(
        transactional_outputs=True,
        applies_effects=False,
        transactional_effects=False,
        seek=True,
    )

    def __init__(
        self,
        bootstrap: Sequence[str],
        settings: KafkaSettings,
        folder: Path,
        topic_settings: TopicSettings,
        marks: Marks | None = None,
    ) -> None:
        self._settings = settings
        self._names = Names(settings.prefix or "")
        self._member_id = StaticMemberId(folder, settings.member_id)
        self._cluster = cluster_of(bootstrap, f"lineal-{self._member_id.name}", settings)
        self._connection = Connection(self._cluster)
        self._topics = Topics(self._connection, self._names, topic_settings, settings.replication)
        self._publisher = Publisher(IdempotentProducer(self._connection), self._topics, marks)
        self._subscriptions: set[KafkaSubscription] = set()
        self._lineage = TopicPartition(self._names.on_kafka(LINEAGE_TOPIC), 0)
        self._cluster_id = ""
        self._starting = asyncio.Lock()
        self._batches = Batches(self._topics, self._lineage, marks)
        self._ungrouped: UngroupedCommitter | None = None

    @raises_bus_errors
    async def open(self) -> None:
        """Connect.

        Raises:
            BusUnavailable: the text says what to look at.
        """
        try:
            await connect(self._connection)
            self._cluster_id = await self._connection.cluster_id()
        except BaseException:
            await self._connection.close()
            self._member_id.close()
            raise

    @property
    def identity(self) -> str:
        """See :class:`lineal.lineage.follower.FollowedBus`."""
        return f"kafka:{self._cluster_id}:{self._names.on_kafka('')}"

    @raises_bus_errors
    async def create_topic(
        self,
        topic: str,
        settings: TopicSettings | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> None:
        await self._topics.create(topic, settings)

    @raises_bus_errors
    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        await self._topics.ensure({topic for topic, _ in outputs})
        if effects:
            await (await self._ungrouped_committer()).commit(outputs, effects)
            return []
        return await self._publisher.publish(outputs)

    @raises_bus_errors
    async def fenced(self, name: str) -> PublishFenced:
        """See :meth:`lineal.bus.protocol.FencingBus.fenced`."""
        await self._topics.ensure([LINEAGE_TOPIC])
        group = self._names.on_kafka(f"{WITHOUT_GROUP}{name}")
        committer = FencedCommitter(self._transactions(group))
        await committer.open()
        return committer.commit

    @raises_bus_errors
    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        on_revoking: OnRevoking | None = None,
    ) -> KafkaSubscription:
        await self._topics.ensure(topics[:1])
        await self._topics.ensure(topics[1:], like=topics[0])
        await self._topics.ensure([LINEAGE_TOPIC])
        reset: Mapping[TopicPartition, int] | None = None
        if start == "now":
            partitions = [item for topic in topics for item in await self._topics.partitions(topic)]
            reset = await self._connection.list_offsets(partitions, LATEST)
        name = self._names.on_kafka(group)
        names = {self._names.on_kafka(topic): topic for topic in topics}
        number = self._member_id.acquire(group)
        static_member_id = f"{self._member_id.name}.{number}"

        def consumer(on_revoking: OnRevokingPartitions) -> GroupConsumer:
            return GroupConsumer(
                self._connection, name, list(names),
                self._producers(f"{name}/{static_member_id}"), reset,
                static_member_id=static_member_id, session_seconds=self._settings.session_seconds,
                revoke_seconds=_REVOKE_SECONDS, on_revoking=on_revoking,
            )  # fmt: skip

        async def closed(subscription: KafkaSubscription) -> None:
            self._subscriptions.discard(subscription)
            self._member_id.release(group, number)

        subscription = KafkaSubscription(
            consumer, self._batches, names, on_revoking=on_revoking, on_closed=closed
        )
        self._subscriptions.add(subscription)
        try:
            await subscription.open()
        except BaseException:
            await subscription.close()
            raise
        return subscription

    def read(
        self,
        topic: str,
        selection: Selection | None = None,
        *,
        follow: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> AsyncIterator[Delivery]:
        return read_topic(
            self._connection, topic, partial(self._existing, topic), selection or Selection(),
            follow=follow, transaction_seconds=2 * self._settings.transaction_seconds,
            away_seconds=self._settings.away_seconds, begun=begun,
        )  # fmt: skip

    @raises_bus_errors
    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        partitions = await self._existing(topic)
        first = await self._connection.list_offsets(partitions, EARLIEST)
        ends = await self._connection.list_offsets(partitions, LATEST)
        if time is None:
            targets = {p: min(max(offset or 0, first[p]), ends[p]) for p in partitions}
        else:
            found = await self._connection.list_offsets(partitions, time // 1000)
            targets = {p: ends[p] if at < 0 else at for p, at in found.items()}
        await reset_offsets(self._connection, self._names.on_kafka(group), targets)

    @raises_bus_errors
    async def topics(self) -> list[TopicInfo]:
        return await topic_infos(
            self._connection, self._names, self._topics, self._cluster.client_id
        )

    async def close(self) -> None:
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._publisher.close()
        await self._connection.close()
        self._member_id.close()

    async def _existing(self, topic: str) -> list[TopicPartition]:
        partitions = await self._topics.partitions(topic)
        if not partitions:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")
        return partitions

    def _producers(self, transactional_id: str) -> AlternatingProducers:
        seconds = self._settings.transaction_seconds
        return AlternatingProducers(self._connection, transactional_id, seconds)

    def _transactions(self, group: str) -> EffectTransactions:
        return EffectTransactions(group, self._batches, self._producers(group), self._lineage)

    async def _ungrouped_committer(self) -> UngroupedCommitter:
        await self._topics.ensure([LINEAGE_TOPIC])
        async with self._starting:
            if self._ungrouped is None:
                group = self._names.on_kafka(WITHOUT_GROUP + self._member_id.name)
                self._ungrouped = UngroupedCommitter(self._transactions(group))
            return self._ungrouped
