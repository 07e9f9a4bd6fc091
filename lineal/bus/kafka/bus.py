"""The bus itself: what joins the parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.appending import Source
from lineal.bus.kafka.connection import EARLIEST, LATEST, Connection, cluster_at
from lineal.bus.kafka.groups import group_members, send_to
from lineal.bus.kafka.ledger_writer import LedgerWriter
from lineal.bus.kafka.membership import Member
from lineal.bus.kafka.names import LEDGER_GROUP, LINEAGE, WITHOUT_GROUP, Names
from lineal.bus.kafka.overview import lineal_groups, topic_infos
from lineal.bus.kafka.publishing import Publisher
from lineal.bus.kafka.reading import read_topic
from lineal.bus.kafka.settling import Settling
from lineal.bus.kafka.slots import Slot
from lineal.bus.kafka.subscription import KafkaSubscription
from lineal.bus.kafka.topics import Topics
from lineal.bus.kafka.transactions import Transactions
from lineal.bus.kafka.unowned import UnownedSettling
from lineal.bus.protocol import (
    BusUnavailable,
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
from lineal.lineage.record import Record
from lineal.store.connection import Store, StoreUnavailable
from lineal_schemas.envelope import RawEvent

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings

log = structlog.get_logger(__name__)

_REVOKE_BUDGET_SECONDS = 20.0
_LEDGER_SECONDS = 60.0
_LEDGER_SECONDS_AT_CLOSE = 10.0


class KafkaBus:
    """Topics on a Kafka cluster.

    Args:
        folder: the data folder; it says which processes of this machine could take each other's
            place.
        store: where the ledger, which follows what is settled, is written.
    """

    capabilities = Capabilities(
        transactional_settle=True,
        transactional_store=False,
        order_per_key=True,
        seek=True,
        shared_by_processes=True,
        survives_restart=True,
        keeps_unhandled=False,
    )

    def __init__(
        self,
        bootstrap: Sequence[str],
        settings: KafkaSettings,
        store: Store,
        folder: Path,
        topic_settings: TopicSettings,
    ) -> None:
        self._settings = settings
        self._store = store
        self._names = Names(settings.prefix or "")
        self._slot = Slot(folder, settings.slot)
        self._cluster_opener = partial(
            cluster_at, tuple(bootstrap), f"lineal-{self._slot.name}", settings
        )
        self._cluster = self._cluster_opener()
        self._connection = Connection(self._cluster)
        self._topics = Topics(self._connection, self._names, topic_settings, settings.replication)
        self._publisher = Publisher(self._connection, self._topics)
        self._subscriptions: set[KafkaSubscription] = set()
        self._lineage = TopicPartition(self._names.on_kafka(LINEAGE), 0)
        self._writer: LedgerWriter | None = None
        self._writing = False
        self._starting = asyncio.Lock()
        self._unowned: UnownedSettling | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            BusUnavailable: the text says what to look at.
        """
        try:
            await self._connection.open()
        except BaseException:
            self._slot.close()
            raise

    async def create_topic(self, topic: str, settings: TopicSettings | None = None) -> None:
        await self._topics.create(topic, settings)

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        await self._topics.ensure({topic for topic, _ in events})
        return await self._publisher.publish(events)

    async def subscribe(
        self, group: str, topics: Sequence[str], *, start: Start = "beginning"
    ) -> KafkaSubscription:
        await self._topics.ensure(topics[:1])
        await self._topics.ensure(topics[1:], like=topics[0])
        await self._write_ledger()
        places = [place for topic in topics for place in await self._topics.places(topic)]
        first: Mapping[TopicPartition, int] | None = None
        if start == "now":
            first = await self._connection.offsets(places, LATEST)
        name = self._names.on_kafka(group)
        number = self._slot.take(group)
        instance = f"{self._slot.name}.{number}"
        settling = self._settling(f"{name}/{instance}")

        async def closed(subscription: KafkaSubscription) -> None:
            self._subscriptions.discard(subscription)
            self._slot.give_back(group, number)

        subscription = KafkaSubscription(
            self._connection,
            settling,
            name,
            {self._names.on_kafka(topic): topic for topic in topics},
            first,
            budget_seconds=_REVOKE_BUDGET_SECONDS,
            on_closed=closed,
        )
        member = Member(
            self._connection,
            name,
            [self._names.on_kafka(topic) for topic in topics],
            instance,
            subscription,
            session_seconds=self._settings.session_seconds,
            patience_seconds=_REVOKE_BUDGET_SECONDS,
        )
        try:
            await settling.open()
            self._subscriptions.add(subscription)
            await subscription.open(member)
        except BaseException:
            await subscription.close()
            await closed(subscription)
            raise
        return subscription

    async def settle_unowned(self, settlements: Sequence[Settlement]) -> None:
        await (await self._without_group()).settle(settlements)

    async def record(self, records: Sequence[Record]) -> None:
        await (await self._without_group()).record(records)

    def read(
        self, topic: str, selection: Selection | None = None, *, follow: bool = False
    ) -> AsyncIterator[Delivery]:
        return read_topic(
            self._connection, topic, partial(self._existing, topic), selection or Selection(),
            follow=follow, patience_seconds=2 * self._settings.transaction_seconds,
        )  # fmt: skip

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        places = await self._existing(topic)
        first = await self._connection.offsets(places, EARLIEST)
        ends = await self._connection.offsets(places, LATEST)
        if time is None:
            targets = {p: min(max(offset or 0, first[p]), ends[p]) for p in places}
        else:
            found = await self._connection.offsets(places, time // 1000)
            targets = {place: ends[place] if at < 0 else at for place, at in found.items()}
        await send_to(self._connection, self._names.on_kafka(group), targets)

    async def topics(self) -> list[TopicInfo]:
        return await topic_infos(self._connection, self._names, self._topics)

    async def groups_at_work(self) -> set[str]:
        groups = await lineal_groups(self._connection, self._names)
        names = {self._names.on_kafka(group): group for group in groups}
        members = await group_members(self._connection, names)
        own = self._cluster.client_id
        return {
            names[name]
            for name, present in members.items()
            if any(member.client != own for member in present)
        }

    async def recorded(self) -> None:
        if await self._topics.places(LINEAGE):
            await (await self._ledger_writer()).until_written(_LEDGER_SECONDS)

    async def maintain(self) -> None:
        """The brokers keep the topics."""

    @property
    def problems(self) -> list[str]:
        found = [subscription.problem for subscription in self._subscriptions]
        if self._writer is not None:
            found.append(self._writer.problem)
        return [problem for problem in found if problem is not None]

    async def close(self) -> None:
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._publisher.close()
        if self._unowned is not None and self._unowned.used:
            # Nobody may be there to write it, and the next command may look for it.
            try:
                async with asyncio.timeout(_LEDGER_SECONDS_AT_CLOSE):
                    await self.recorded()
            except (TimeoutError, BusUnavailable, StoreUnavailable) as error:
                log.warning("ledger.not_written_yet", error=str(error))
        if self._writer is not None:
            await self._writer.close()
        await self._connection.close()
        self._slot.close()

    async def _existing(self, topic: str) -> list[TopicPartition]:
        places = await self._topics.places(topic)
        if not places:
            raise UnknownTopic(f"there is no topic {topic!r}: `lineal topics` lists them")
        return places

    def _settling(self, name: str) -> Settling:
        seconds = self._settings.transaction_seconds
        pair = (
            Transactions(self._connection, f"{name}/a", seconds),
            Transactions(self._connection, f"{name}/b", seconds),
        )
        return Settling(self._topics, self._store, pair, self._lineage)

    async def _ledger_writer(self) -> LedgerWriter:
        async with self._starting:
            if self._writer is None:
                await self._topics.create_internal(LINEAGE)
                source = f"kafka:{await self._connection.cluster_id()}:{self._lineage.topic}"
                self._writer = LedgerWriter(
                    self._cluster_opener,
                    self._connection,
                    self._store,
                    Source(self._lineage, source),
                )
            return self._writer

    async def _write_ledger(self) -> None:
        """Be one of those that write what is settled into the store."""
        writer = await self._ledger_writer()
        async with self._starting:
            if not self._writing:
                group = self._names.on_kafka(LEDGER_GROUP)
                await writer.join(group, self._slot.name, self._settings.session_seconds)
                self._writing = True

    async def _without_group(self) -> UnownedSettling:
        await self._ledger_writer()
        async with self._starting:
            if self._unowned is None:
                group = self._names.on_kafka(WITHOUT_GROUP + self._slot.name)
                self._unowned = UnownedSettling(group, self._settling(group), self._lineage)
            return self._unowned
