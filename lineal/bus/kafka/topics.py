"""Topics on the cluster: made where missing, never changed in the number of their partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka import errors
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.names import Names, key_hash
from lineal.bus.kafka.requests import (
    CREATE_TOPICS,
    DESCRIBE_CONFIGS,
    INCREMENTAL_ALTER_CONFIGS,
)
from lineal.bus.protocol import BusUnavailable, Settlement, TopicSettings

log = structlog.get_logger(__name__)

_SECONDS = 30.0
_TOPIC, _SET = 2, 0
_BROKER_DECIDES = -1


class Topics:
    """The topics of this bus.

    Args:
        replication: copies of new topics; None leaves it to the broker.
        defaults: of topics that are made because something is published to them.
    """

    def __init__(
        self, connection: Connection, names: Names, defaults: TopicSettings, replication: int | None
    ) -> None:
        self._connection = connection
        self._names = names
        self._defaults = defaults
        self._replication = replication or _BROKER_DECIDES
        self._places: dict[str, list[TopicPartition]] = {}
        """Of topics that exist, by lineal's name, in the order of their numbers."""
        self._making = asyncio.Lock()
        connection.on_refreshed(self._look_for_more)

    async def places(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions in the order of their numbers; empty if it does not exist.

        Raises:
            BusUnavailable
        """
        known = self._places.get(topic)
        if known is None:
            await self._connection.persist(self._connection.refresh, _SECONDS)
            known = self._look(topic)
        return known

    def place_of(self, topic: str, key: str) -> TopicPartition:
        """Where an event of a topic that :meth:`ensure` knows belongs: as any Kafka client says
        that is not told otherwise."""
        places = self._places[topic]
        return places[key_hash(key) % len(places)]

    async def ensure(self, names: Iterable[str], *, like: str | None = None) -> None:
        """Make the topics that do not exist.

        Args:
            like: a topic with as many partitions: one worker then holds the same numbers of both.
        """
        missing = [name for name in names if name not in self._places]
        if not missing:
            return
        partitions = None
        if like is not None and (places := await self.places(like)):
            partitions = len(places)
        for name in missing:
            if not await self.places(name):
                await self.create(name, None, partitions)

    async def ensure_outputs(self, settlements: Sequence[Settlement]) -> None:
        """Make sure that the topics of all outputs exist."""
        await self.ensure(topic for s in settlements for topic, _ in s.outputs)

    async def create(
        self, topic: str, settings: TopicSettings | None, partitions: int | None = None
    ) -> None:
        """See :meth:`lineal.bus.protocol.Bus.create_topic`.

        Raises:
            BusUnavailable: it cannot be made; the text says why.
        """
        if topic in self._places and settings is None:
            return
        chosen = settings or self._defaults
        name = self._names.on_kafka(topic)
        configs = _configs(chosen)
        async with self._making:
            if not await self.places(topic):
                await self._make(name, partitions or chosen.partitions, configs)
                await self._until_led(topic)
            elif settings is not None:
                await self._configure(name, configs)

    async def create_internal(self, topic: str) -> None:
        """A topic of one partition that is kept for ever."""
        if not await self.places(topic):
            await self.create(topic, TopicSettings(partitions=1))

    async def retention_seconds(self, topics: Sequence[str]) -> dict[str, int | None]:
        """How long topics are kept; None for ever.

        Raises:
            BusUnavailable
        """
        by_name = {self._names.on_kafka(topic): topic for topic in topics}
        resources = [(_TOPIC, name, ["retention.ms"]) for name in by_name]
        answer = await self._connection.persist(
            lambda: self._connection.ask_any(DESCRIBE_CONFIGS(resources, False)), _SECONDS
        )
        found: dict[str, int | None] = {}
        for code, _, _, name, configs in answer[1]:
            if code == errors.NONE:
                for _, value, *_ in configs:
                    found[by_name[name]] = None if int(value) < 0 else int(value) // 1000
        return found

    def _look(self, topic: str) -> list[TopicPartition]:
        name = self._names.on_kafka(topic)
        places = [TopicPartition(name, n) for n in range(self._connection.partition_count(name))]
        if places:
            self._places[topic] = places
        return places

    def _look_for_more(self) -> None:
        """Partitions that somebody added: all processes have to agree on where a key belongs."""
        for topic, places in list(self._places.items()):
            count = self._connection.partition_count(self._names.on_kafka(topic))
            if count > len(places):
                log.warning(
                    "topic.partitions_were_added", topic=topic, before=len(places), now=count,
                    note="events of a key may stand in two partitions, and not be in order",
                )  # fmt: skip
                self._look(topic)

    async def _make(self, name: str, partitions: int, configs: dict[str, str]) -> None:
        async def attempt() -> None:
            topic: tuple[Any, ...] = (
                name,
                partitions,
                self._replication,
                [],
                list(configs.items()),
            )
            answer = await self._connection.ask_controller(
                CREATE_TOPICS([topic], round(_SECONDS * 1000), False)
            )
            for _, code, message in answer[1]:
                if code == errors.INVALID_REPLICATION_FACTOR:
                    raise BusUnavailable(
                        f"Kafka cannot keep {self._replication} copies of topic {name}: {message}; "
                        "see LINEAL_KAFKA__REPLICATION"
                    )
                if code != errors.TOPIC_ALREADY_EXISTS:
                    errors.check(code, f"making topic {name} ({message})")

        await self._connection.persist(attempt, _SECONDS)

    async def _until_led(self, topic: str) -> None:
        async def attempt() -> None:
            await self._connection.refresh()
            places = self._look(topic)
            if not places:
                raise errors.TryAgain(f"topic {topic} is being made")
            for place in places:
                self._connection.leader(place)

        await self._connection.persist(attempt, _SECONDS, first_pause=0.01)

    async def _configure(self, name: str, configs: dict[str, str]) -> None:
        async def attempt() -> None:
            changes = [(key, _SET, value) for key, value in configs.items()]
            request = INCREMENTAL_ALTER_CONFIGS([(_TOPIC, name, changes)], False)
            answer = await self._connection.ask_controller(request)
            for code, message, *_ in answer[1]:
                errors.check(code, f"configuring topic {name} ({message})")

        await self._connection.persist(attempt, _SECONDS)


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
