"""Requests to the brokers of a cluster: to the leader of a partition, to a coordinator, to any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from lineal.concurrency import gather_all
from lineal.kafka_client import errors
from lineal.kafka_client.client import Client
from lineal.kafka_client.errors import KafkaUnavailable, RetriableError
from lineal.kafka_client.requests import LIST_OFFSETS, METADATA
from lineal.kafka_client.wire import Call

T = TypeVar("T")

CoordinatorType = Literal["group", "transaction"]
_KEY_TYPES = {"group": 0, "transaction": 1}
_FIRST_PAUSE_SECONDS = 0.002
_MAX_PAUSE_SECONDS = 0.25
_MAX_SHORT_PAUSES = 20

EARLIEST, LATEST = -2, -1
"""In place of a time in :meth:`Connection.list_offsets`: the log start offset, the end offset."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a client reaches a cluster.

    Attributes:
        bootstrap: ``HOST:PORT`` of some brokers.
        options: of every aiokafka client: TLS and SASL.
        request_seconds: timeout of a request; must exceed the rebalance timeout, since JoinGroup is
            answered when all members have joined.
    """

    bootstrap: tuple[str, ...]
    client_id: str
    options: dict[str, Any]
    request_seconds: float = 20.0

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        return {
            "bootstrap_servers": list(self.bootstrap),
            "client_id": self.client_id,
            "request_timeout_ms": round(self.request_seconds * 1000),
            "retry_backoff_ms": 50,
            "metadata_max_age_ms": 60_000,
            **self.options,
        }


class Connection:
    """Sends requests to brokers.

    ``lane`` names a TCP connection of its own: a broker answers the requests of one connection in
    turn, so a request that waits (JoinGroup) would block those after it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._client = Client(**cluster.client_arguments())
        self._coordinators: dict[tuple[CoordinatorType, str], int] = {}

    async def open(self) -> None:
        """Connect to any broker.

        Raises:
            KafkaUnavailable: none answers, or none lets this client in.
        """
        try:
            await self._client.bootstrap()
        except (KafkaError, OSError, ValueError) as error:
            await self._client.close()
            raise KafkaUnavailable(
                f"no Kafka broker answers at {', '.join(self.cluster.bootstrap)} ({error})"
            ) from error

    async def close(self) -> None:
        await self._client.close()

    async def send(self, node: int, call: Call, lane: Hashable = "any") -> Any:
        """The response of a broker, as a tuple of its fields.

        Raises:
            RetriableError: there is none; the request may have been carried out or not.
        """
        try:
            return await self._client.send(node, call, group=lane)
        except (KafkaError, OSError, TimeoutError) as error:
            raise RetriableError(f"Kafka, {call!r}: {error!r}") from error

    async def send_to_any(self, call: Call) -> Any:
        """The response of a random broker."""
        node = self._client.get_random_node()
        if node is None:
            raise RetriableError("no Kafka broker is known")
        return await self.send(node, call)

    async def send_to_controller(self, call: Call) -> Any:
        """The response of the controller, which creates and alters topics."""
        controller = self._client.cluster.controller
        if controller is None:
            await self.refresh_metadata()
            controller = self._client.cluster.controller
        if controller is None:
            raise RetriableError("the Kafka cluster has no controller at the moment")
        return await self.send(controller.nodeId, call)

    async def send_to_coordinator(
        self, kind: CoordinatorType, key: str, call: Call, lane: Hashable = "coordination"
    ) -> Any:
        """The response of the coordinator of a group or of a transactional id."""
        node = await self.find_coordinator(kind, key)
        try:
            return await self.send(node, call, lane)
        except RetriableError:
            self.forget_coordinator(kind, key)
            raise

    async def find_coordinator(self, kind: CoordinatorType, key: str) -> int:
        """The broker that coordinates a group or a transactional id; remembered."""
        node = self._coordinators.get((kind, key))
        if node is None:
            try:
                node = await self._client.coordinator_lookup(_KEY_TYPES[kind], key)
            except (KafkaError, OSError, AssertionError) as error:
                code = getattr(error, "errno", None)
                if code in errors.AUTHORIZATION_FAILED:
                    errors.check(code, f"finding the coordinator of {kind} {key!r}")
                self._client.force_metadata_update()
                raise RetriableError(
                    f"Kafka has no coordinator of {kind} {key!r}: {error!r}"
                ) from error
            self._coordinators[kind, key] = node
        return node

    def forget_coordinator(self, kind: CoordinatorType, key: str) -> None:
        """Look it up again the next time."""
        self._coordinators.pop((kind, key), None)

    def check_coordinator(self, kind: CoordinatorType, key: str, code: int, doing: str) -> None:
        """:func:`errors.check` for the error code of a coordinator's response."""
        if code in errors.COORDINATOR_MOVED:
            self.forget_coordinator(kind, key)
        errors.check(code, doing)

    async def refresh_metadata(self) -> None:
        """Fetch the metadata of topics again: partitions and leaders."""
        if not await self._client.force_metadata_update():
            raise RetriableError("no Kafka broker answers")

    async def cluster_id(self) -> str:
        """The id of the cluster, which is independent of its addresses."""
        answer = await self.retry(lambda: self.send_to_any(METADATA([], False)), 15.0)
        return str(answer[2])

    def on_metadata_refreshed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever metadata was refreshed: on request, and every minute. Returns a
        function that ends that."""
        cluster = self._client.cluster

        def listener(_: object) -> None:
            callback()

        cluster.add_listener(listener)
        return lambda: cluster.remove_listener(listener)

    @property
    def nodes(self) -> list[int]:
        """The ids of the brokers."""
        return [broker.nodeId for broker in self._client.cluster.brokers()]

    def topics(self) -> set[str]:
        """As of the last :meth:`refresh_metadata`."""
        found: set[str] = self._client.cluster.topics()
        return found

    def partition_count(self, topic: str) -> int:
        """0 if there is no such topic, as of the last :meth:`refresh_metadata`."""
        return len(self._client.cluster.partitions_for_topic(topic) or ())

    def leader(self, topic_partition: TopicPartition) -> int:
        """The broker that leads a partition.

        Raises:
            RetriableError: none does at the moment.
        """
        node = self._client.cluster.leader_for_partition(topic_partition)
        if node is None or node == -1:
            raise RetriableError(
                f"partition {topic_partition.partition} of {topic_partition.topic} has no leader"
            )
        return int(node)

    def by_leader(
        self, topic_partitions: Iterable[TopicPartition]
    ) -> dict[int, list[TopicPartition]]:
        """Partitions by the broker that leads them.

        Raises:
            RetriableError: one has no leader at the moment.
        """
        found: dict[int, list[TopicPartition]] = {}
        for topic_partition in topic_partitions:
            found.setdefault(self.leader(topic_partition), []).append(topic_partition)
        return found

    async def retry(
        self,
        attempt: Callable[[], Awaitable[T]],
        seconds: float,
        first_pause: float = _FIRST_PAUSE_SECONDS,
    ) -> T:
        """Repeat an attempt while it raises :class:`RetriableError`, for so long.

        Raises:
            RetriableError: of the last attempt.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        pause = first_pause
        attempts = 0
        while True:
            try:
                return await attempt()
            except RetriableError:
                if loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            # Most often (CONCURRENT_TRANSACTIONS) it is a matter of milliseconds.
            attempts += 1
            if attempts > _MAX_SHORT_PAUSES:
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
                await self._client.force_metadata_update()

    async def list_offsets(
        self,
        topic_partitions: Iterable[TopicPartition],
        time_ms: int,
        *,
        read_committed: bool = False,
        seconds: float = 10.0,
    ) -> dict[TopicPartition, int]:
        """The offsets of the first records not before a time (ListOffsets); -1 where there is none.

        Args:
            time_ms: milliseconds since the Unix epoch, or :data:`EARLIEST` or :data:`LATEST`.
            read_committed: :data:`LATEST` is the last stable offset (KIP-98): the end of what no
                open transaction holds back.

        Raises:
            KafkaUnavailable
        """
        found: dict[TopicPartition, int] = {}
        wanted = set(topic_partitions)

        async def ask(node: int, partitions: list[TopicPartition]) -> None:
            topics: dict[str, list[tuple[int, int]]] = {}
            for topic, partition in partitions:
                topics.setdefault(topic, []).append((partition, time_ms))
            request = LIST_OFFSETS(-1, int(read_committed), list(topics.items()))
            answer = await self.send(node, request)
            for topic, results in answer[1]:
                for partition, code, _, offset in results:
                    errors.check(code, f"listing offsets of {topic}")
                    found[TopicPartition(topic, partition)] = offset

        async def attempt() -> None:
            leaders = self.by_leader(wanted - found.keys())
            await gather_all(ask(node, partitions) for node, partitions in leaders.items())

        await self.retry(attempt, seconds)
        return found


def unavailable(error: BaseException) -> KafkaUnavailable:
    """An exception of aiokafka as one of this package's."""
    return KafkaUnavailable(f"Kafka: {error!r}")
