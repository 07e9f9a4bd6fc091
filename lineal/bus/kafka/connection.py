"""The connection to a cluster: requests to the broker that is in charge, tried again elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from aiokafka import AIOKafkaClient, AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lineal.bus.kafka import errors
from lineal.bus.kafka.errors import TryAgain
from lineal.bus.kafka.requests import LIST_OFFSETS, METADATA, Call
from lineal.bus.kafka.security import client_options
from lineal.bus.protocol import BusUnavailable
from lineal.side_by_side import all_of

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings

T = TypeVar("T")

Kind = Literal["group", "transaction"]
_KINDS = {"group": 0, "transaction": 1}
_FIRST_PAUSE_SECONDS = 0.002
_MOST_PAUSE_SECONDS = 0.25
_SHORT_PAUSES = 20
_REQUEST_MARGIN_SECONDS = 5.0
_LEAST_REQUEST_SECONDS = 15.0

EARLIEST, LATEST = -2, -1
"""In place of a time in :meth:`Connection.offsets`: of the first event, of the next."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the cluster is, and how its clients introduce themselves.

    Attributes:
        request_seconds: an answer that takes longer is no longer waited for; more than the
            longest rebalance, which answers when all members have come.
    """

    bootstrap: tuple[str, ...]
    client_id: str
    options: dict[str, Any]
    request_seconds: float = 20.0

    def client_arguments(self) -> dict[str, Any]:
        """Of every aiokafka client."""
        return {
            "bootstrap_servers": list(self.bootstrap),
            "client_id": self.client_id,
            "request_timeout_ms": round(self.request_seconds * 1000),
            "retry_backoff_ms": 50,
            "metadata_max_age_ms": 60_000,
            **self.options,
        }


def cluster_at(bootstrap: tuple[str, ...], client_id: str, settings: KafkaSettings) -> Cluster:
    """The cluster that settings name.

    Raises:
        BusUnavailable: certificates or credentials are missing; the text says which setting.
    """
    request_seconds = max(
        _LEAST_REQUEST_SECONDS, settings.session_seconds + _REQUEST_MARGIN_SECONDS
    )
    return Cluster(bootstrap, client_id, client_options(settings), request_seconds)


class Connection:
    """Sends requests. ``lane`` names a connection of its own, for answers that take long: a broker
    answers the requests of one connection in turn."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._client = AIOKafkaClient(**cluster.client_arguments())
        self._coordinators: dict[tuple[Kind, str], int] = {}

    async def open(self) -> None:
        """Connect to any broker.

        Raises:
            BusUnavailable: none answers; the text says what to look at.
        """
        cluster = self.cluster
        try:
            await self._client.bootstrap()
        except (KafkaError, OSError, ValueError) as error:
            await self._client.close()
            raise BusUnavailable(
                f"no Kafka broker answers at {', '.join(cluster.bootstrap)} ({error}): is it "
                "running, is LINEAL_BUS right, and do LINEAL_KAFKA__SECURITY_PROTOCOL and the "
                "credentials fit its listener?"
            ) from error

    async def close(self) -> None:
        await self._client.close()

    async def send(self, node: int, call: Call, lane: Hashable = "any") -> Any:
        """The answer of a broker, as a tuple of fields.

        Raises:
            TryAgain: there is none, and the request may have been carried out or not.
        """
        try:
            return await self._client.send(node, call, group=lane)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TryAgain(f"Kafka, {call!r}: {error!r}") from error

    async def ask_any(self, call: Call) -> Any:
        """The answer of whichever broker."""
        node = self._client.get_random_node()
        if node is None:
            raise TryAgain("no Kafka broker is known")
        return await self.send(node, call)

    async def ask_controller(self, call: Call) -> Any:
        controller = self._client.cluster.controller
        if controller is None:
            await self.refresh()
            controller = self._client.cluster.controller
        if controller is None:
            raise TryAgain("Kafka has no controller at the moment")
        return await self.send(controller.nodeId, call)

    async def ask_coordinator(
        self, kind: Kind, key: str, call: Call, lane: Hashable = "coordination"
    ) -> Any:
        """The answer of the coordinator of a group or of a transactional id."""
        node = await self.coordinator(kind, key)
        try:
            return await self.send(node, call, lane)
        except TryAgain:
            self.forget_coordinator(kind, key)
            raise

    async def coordinator(self, kind: Kind, key: str) -> int:
        """The broker that coordinates a group or a transactional id."""
        node = self._coordinators.get((kind, key))
        if node is None:
            try:
                node = await self._client.coordinator_lookup(_KINDS[kind], key)
            except (KafkaError, OSError, AssertionError) as error:
                code = getattr(error, "errno", None)
                if code in errors.FORBIDDEN:
                    errors.check(code, f"finding the coordinator of {kind} {key!r}")
                self._client.force_metadata_update()
                raise TryAgain(f"Kafka has no coordinator of {kind} {key!r}: {error!r}") from error
            self._coordinators[kind, key] = node
        return node

    def forget_coordinator(self, kind: Kind, key: str) -> None:
        """Find it out anew the next time."""
        self._coordinators.pop((kind, key), None)

    def check_coordinator(self, kind: Kind, key: str, code: int, doing: str) -> None:
        """:func:`errors.check` for an answer of a coordinator."""
        if code in errors.MOVED:
            self.forget_coordinator(kind, key)
        errors.check(code, doing)

    async def refresh(self) -> None:
        """Find out anew which topics there are, and who leads what."""
        if not await self._client.force_metadata_update():
            raise TryAgain("no Kafka broker answers")

    async def cluster_id(self) -> str:
        """What the cluster is known by, whatever its addresses."""
        answer = await self.persist(lambda: self.ask_any(METADATA([], False)), 15.0)
        return str(answer[2])

    def on_refreshed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have it called whenever it was found out anew which topics there are: when asked for, and
        every minute. Returns what ends that."""
        cluster = self._client.cluster

        def listener(_: object) -> None:
            callback()

        cluster.add_listener(listener)
        return lambda: cluster.remove_listener(listener)

    @property
    def nodes(self) -> list[int]:
        return [broker.nodeId for broker in self._client.cluster.brokers()]

    def topics(self) -> set[str]:
        """As of the last :meth:`refresh`."""
        found: set[str] = self._client.cluster.topics()
        return found

    def partition_count(self, topic: str) -> int:
        """0 if there is no such topic, as of the last :meth:`refresh`."""
        return len(self._client.cluster.partitions_for_topic(topic) or ())

    def leader(self, place: TopicPartition) -> int:
        """The broker that leads a partition.

        Raises:
            TryAgain: none does at the moment.
        """
        node = self._client.cluster.leader_for_partition(place)
        if node is None or node == -1:
            raise TryAgain(f"partition {place.partition} of {place.topic} has no leader")
        return int(node)

    async def persist(
        self,
        attempt: Callable[[], Awaitable[T]],
        seconds: float,
        first_pause: float = _FIRST_PAUSE_SECONDS,
    ) -> T:
        """Try what fails for a passing reason again, for so long.

        Raises:
            TryAgain: of the last attempt.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        pause = first_pause
        tried = 0
        while True:
            try:
                return await attempt()
            except TryAgain:
                if loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            # Most often it is a matter of milliseconds: the end of the last transaction is noted.
            tried += 1
            if tried > _SHORT_PAUSES:
                pause = min(pause * 2, _MOST_PAUSE_SECONDS)
                await self._client.force_metadata_update()

    async def offsets(
        self,
        places: Iterable[TopicPartition],
        time_ms: int,
        *,
        committed: bool = False,
        seconds: float = 10.0,
    ) -> dict[TopicPartition, int]:
        """The offsets of the first messages not before a time, milliseconds since the Unix epoch;
        -1 where there is none. ``committed``: :data:`LATEST` is the end of what no open transaction
        holds back.

        Raises:
            BusUnavailable
        """
        found: dict[TopicPartition, int] = {}
        wanted = set(places)

        async def ask(node: int, topics: dict[str, list[tuple[int, int]]]) -> None:
            answer = await self.send(node, LIST_OFFSETS(-1, int(committed), list(topics.items())))
            for topic, partitions in answer[1]:
                for partition, code, _, offset in partitions:
                    errors.check(code, f"asking for offsets of {topic}")
                    found[TopicPartition(topic, partition)] = offset

        async def attempt() -> None:
            by_node: dict[int, dict[str, list[tuple[int, int]]]] = {}
            for place in wanted - found.keys():
                topics = by_node.setdefault(self.leader(place), {})
                topics.setdefault(place.topic, []).append((place.partition, time_ms))
            await all_of(ask(node, topics) for node, topics in by_node.items())

        await self.persist(attempt, seconds)
        return found


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it, also while brokers are away: aiokafka then lets a cancellation of its own out, which
    would end its caller's task, and leaves the connections open (aiokafka issue 647)."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise


def unavailable(error: BaseException) -> BusUnavailable:
    """An exception of aiokafka, in our words."""
    return BusUnavailable(f"Kafka: {error!r}")
