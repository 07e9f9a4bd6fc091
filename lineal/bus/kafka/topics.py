"""Creates missing topics on the cluster and lists them; partition counts are never changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.names import Names, key_hash
from lineal.bus.protocol import TopicSettings
from lineal.errors import BusUnavailable
from lineal.kafka_client.admin import (
    BROKER_DEFAULT,
    InvalidReplication,
    alter_topic,
    create_topic,
    topic_config,
)
from lineal.kafka_client.connection import Connection
from lineal.lineage.topic import LINEAGE_TOPIC

log = structlog.get_logger(__name__)

_SECONDS = 30.0
_INTERNAL = {LINEAGE_TOPIC: TopicSettings(partitions=1)}
"""Topics with one partition and unlimited retention, however they are created."""


class Topics:
    """The topics of this bus.

    Args:
        replication: copies of new topics; None leaves it to the broker.
        defaults: of topics that are created because something is published to them.
    """

    def __init__(
        self, connection: Connection, names: Names, defaults: TopicSettings, replication: int | None
    ) -> None:
        self._connection = connection
        self._names = names
        self._defaults = defaults
        self._replication = replication or BROKER_DEFAULT
        self._partitions: dict[str, list[TopicPartition]] = {}
        """Of topics that exist, by lineal's name, in the order of their numbers."""
        self._creating = asyncio.Lock()
        connection.on_metadata_refreshed(self._on_metadata)

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions in the order of their numbers; empty if it does not exist.

        Raises:
            KafkaUnavailable
        """
        known = self._partitions.get(topic)
        if known is None:
            await self._connection.retry(self._connection.refresh_metadata, _SECONDS)
            known = self._look_up(topic)
        return known

    def partition_of(self, topic: str, key: str) -> TopicPartition:
        """The partition of a key in a topic that :meth:`ensure` knows; Kafka's default
        partitioner."""
        partitions = self._partitions[topic]
        return partitions[key_hash(key) % len(partitions)]

    async def ensure(self, names: Iterable[str], *, like: str | None = None) -> None:
        """Create the topics that do not exist.

        Args:
            like: a topic with as many partitions: one worker then owns the same numbers of both.
        """
        missing = [name for name in names if name not in self._partitions]
        if not missing:
            return
        count = None
        if like is not None and (partitions := await self.partitions(like)):
            count = len(partitions)
        for name in missing:
            if not await self.partitions(name):
                await self.create(name, None, count)

    async def create(
        self, topic: str, settings: TopicSettings | None, partitions: int | None = None
    ) -> None:
        """See :meth:`lineal.bus.protocol.Bus.create_topic`.

        Raises:
            BusUnavailable, KafkaUnavailable: it cannot be created; the text says why.
        """
        if topic in self._partitions and settings is None:
            return
        internal = _INTERNAL.get(topic)
        chosen = settings or internal or self._defaults
        name = self._names.on_kafka(topic)
        configs = _configs(chosen)
        async with self._creating:
            if not await self.partitions(topic):
                count = internal.partitions if internal else partitions or chosen.partitions
                try:
                    await create_topic(self._connection, name, count, self._replication, configs)
                except InvalidReplication as error:
                    raise BusUnavailable(f"{error}; see LINEAL_KAFKA__REPLICATION") from error
                self._look_up(topic)
            elif settings is not None:
                await alter_topic(self._connection, name, configs)

    async def retention_seconds(self, topics: Sequence[str]) -> dict[str, int | None]:
        """How long topics are kept; None for ever.

        Raises:
            KafkaUnavailable
        """
        by_name = {self._names.on_kafka(topic): topic for topic in topics}
        found = await topic_config(self._connection, by_name, "retention.ms")
        return {
            by_name[name]: None if int(value) < 0 else int(value) // 1000
            for name, value in found.items()
        }

    def _look_up(self, topic: str) -> list[TopicPartition]:
        name = self._names.on_kafka(topic)
        count = self._connection.partition_count(name)
        partitions = [TopicPartition(name, number) for number in range(count)]
        if partitions:
            self._partitions[topic] = partitions
        return partitions

    def _on_metadata(self) -> None:
        """Refresh the number of partitions: all processes have to agree on the partition of a
        key."""
        for topic, partitions in list(self._partitions.items()):
            count = self._connection.partition_count(self._names.on_kafka(topic))
            if count > len(partitions):
                log.warning(
                    "topic.partitions_added", topic=topic, before=len(partitions), now=count,
                    note="events of a key may stand in two partitions, and not be in order",
                )  # fmt: skip
                self._look_up(topic)


def _configs(settings: TopicSettings) -> dict[str, str]:
    retention = settings.retention_seconds
    return {
        "retention.ms": str(-1 if retention is None else retention * 1000),
        "cleanup.policy": _CLEANUP[settings.compacted, retention is not None],
    }


_CLEANUP = {
    (False, False): "delete",
    (False, True): "delete",
    (True, False): "compact",
    (True, True): "compact,delete",
}
