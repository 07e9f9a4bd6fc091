"""The bus on AWS: SNS FIFO topics, SQS FIFO queues, and an inbox in the store."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from uuid import uuid4

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.address import Address
from lineal.bus.aws.calls import Aws, Missing, connect
from lineal.bus.aws.messages import Message, Offsets, message_of, partition_of
from lineal.bus.aws.names import dead_letter_queue_resource
from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.aws.publishing import Publisher
from lineal.bus.aws.reading import read_dead_letters, read_topic, sweep_readings
from lineal.bus.aws.subscription import AwsSubscription
from lineal.bus.aws.worker_killers import forget_killers, killer_settlement, next_killers
from lineal.bus.claim_check import check_in
from lineal.bus.protocol import (
    Capabilities,
    Delivery,
    GroupInfo,
    PartitionLag,
    Position,
    Selection,
    Settlement,
    Start,
    TopicInfo,
    TopicSettings,
)
from lineal.bus.store_part import apply_to_store
from lineal.errors import NotOffered
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Record
from lineal.stages.dead_letter import is_dead_letter_topic
from lineal.store.connection import Connection, Store
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import RawEvent

log = structlog.get_logger(__name__)

_SEEN_SECONDS = 10.0
_LARGEST_MESSAGE = 200_000
"""Bytes; what is larger goes by reference. SNS takes 262,144."""
_DAY_SECONDS = 86_400


@contextlib.asynccontextmanager
async def open_aws_bus(
    address: Address, store: Store, objects: ObjectStore, *, lease_seconds: float
) -> AsyncGenerator[AwsBus]:
    """Connect.

    Raises:
        BusUnavailable: AWS cannot be reached, or does not know us.
    """
    async with connect(address) as aws:
        bus = AwsBus(aws, address, store, objects, lease_seconds=lease_seconds)
        try:
            yield bus
        finally:
            await bus.close()


class AwsBus:
    """See :class:`lineal.bus.protocol.Bus`; :func:`open_aws_bus` makes one.

    Handling is at least once; its effect is exactly once. Outputs are published first; then one
    transaction of the store takes everything else together with the fact that it was handled; then
    the message is deleted. Who fails in between does it again: the outputs have the same ids, so
    SNS drops them within five minutes and the inbox of who receives them does ever after; the
    transaction finds itself done.

    Args:
        lease_seconds: how long a message stays hidden when its worker dies.
    """

    capabilities = Capabilities(
        transactional_settle=False,
        transactional_store=False,
        order_per_key=True,
        seek=False,
        shared_by_processes=True,
        survives_restart=True,
        partitions=False,
    )

    def __init__(
        self,
        aws: Aws,
        address: Address,
        store: Store,
        objects: ObjectStore,
        *,
        lease_seconds: float,
    ) -> None:
        self.aws = aws
        self.store = store
        self.ledger = Ledger()
        self._address = address
        self._objects = objects
        self._visibility_seconds = max(1, math.ceil(lease_seconds))
        self.provisioning = Provisioning(aws, address, self._visibility_seconds)
        self._publisher = Publisher(aws)
        self._offsets = Offsets()
        self._subscriptions: set[AwsSubscription] = set()
        self._member = uuid4().hex
        self._being_seen: asyncio.Task[None] | None = None

    async def create_topic(self, topic: str, settings: TopicSettings | None = None) -> None:
        await self.provisioning.ensure_topic(topic, settings)

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        placed = await self._publish([(topic, event, None) for topic, event in events])
        await self._keep_letters(placed)
        return [position for position, _ in placed]

    async def publish_outputs(
        self, settlements: Sequence[tuple[Settlement, str | None]]
    ) -> list[inbox.Placed]:
        """Publish what settlements give out. What is made of an event that was published again on
        purpose carries its nonce on, or the next stage would not handle it again."""
        return await self._publish(
            [
                (topic, event, nonce)
                for settlement, nonce in settlements
                for topic, event in settlement.outputs
            ]
        )

    async def _publish(
        self, events: Sequence[tuple[str, RawEvent, str | None]]
    ) -> list[inbox.Placed]:
        if not events:
            return []
        topics = {topic for topic, _, _ in events}
        await self.provisioning.ensure_topics(topics)
        arns = {topic: self.provisioning.topic_arn(topic) for topic in topics}
        placed = []
        messages: list[tuple[str, Message]] = []
        for topic, event, nonce in events:
            offset = self._offsets.next()
            placed.append((Position(topic, partition_of(event.partitionkey), offset), event))
            message = message_of(topic, event, offset, nonce)
            if message.size > _LARGEST_MESSAGE:
                message = message_of(topic, await check_in(event, self._objects), offset, nonce)
            messages.append((arns[topic], message))
        try:
            await self._publisher.publish(messages)
        except Missing:
            # Made by us or found once, and deleted since.
            self.provisioning.forget(topics)
            await self.provisioning.ensure_topics(topics)
            await self._publisher.publish(messages)
        return placed

    async def _keep_letters(self, placed: Sequence[inbox.Placed]) -> None:
        if any(is_dead_letter_topic(position.topic) for position, _ in placed):
            await self.store.write(lambda c: inbox.keep_dead_letters(c, placed))

    async def subscribe(
        self, group: str, topics: Sequence[str], *, start: Start = "beginning"
    ) -> AwsSubscription:
        await self.provisioning.ensure_topics(topics)
        queue = await self.provisioning.ensure_group(group, topics, start)
        subscription = AwsSubscription(
            self,
            group,
            queue.url,
            queue.topics,
            visibility_seconds=self._visibility_seconds,
            wait_seconds=self._address.wait_seconds,
            on_closed=self._subscriptions.discard,
        )
        self._subscriptions.add(subscription)
        await self._be_seen()
        if self._being_seen is None:
            self._being_seen = asyncio.create_task(self._stay_seen(), name="group membership")
        subscription.open()
        return subscription

    async def provision(self, group: str, topics: Sequence[str]) -> None:
        """Make everything a group needs, whether or not it works yet: what is published from then
        on waits for it."""
        await self.provisioning.ensure_topics(topics)
        await self.provisioning.ensure_group(group, topics, "beginning", verify=True)

    async def groups_at_work(self) -> set[str]:
        return await self.store.read(lambda c: inbox.groups_of_others(c, self._member))

    async def leave(self, group: str) -> None:
        """A subscription of this process is closed."""
        if any(subscription.group == group for subscription in self._subscriptions):
            return
        # If the store is away now, it is seen that we are gone a little later.
        with contextlib.suppress(Exception):
            await self.store.write(lambda c: inbox.forget_member(c, group, self._member))

    async def _be_seen(self) -> None:
        groups = {subscription.group for subscription in self._subscriptions}
        if groups:
            await self.store.write(lambda c: inbox.see_member(c, groups, self._member))

    async def _stay_seen(self) -> None:
        while True:
            await asyncio.sleep(_SEEN_SECONDS)
            try:
                await self._be_seen()
            except Exception as error:
                log.warning("aws.cannot_be_seen", error=repr(error))

    async def recorded(self) -> None:
        """The ledger is in the store's transaction of the settlement."""

    @property
    def problems(self) -> list[str]:
        return [s.problem for s in self._subscriptions if s.problem is not None]

    async def settle_unowned(self, settlements: Sequence[Settlement]) -> None:
        # Published on purpose, perhaps not for the first time: without a nonce they would vanish in
        # SNS within five minutes, and in the inboxes ever after.
        nonce = uuid4().hex[:16]
        placed = await self.publish_outputs([(settlement, nonce) for settlement in settlements])

        def apply(connection: Connection) -> None:
            apply_to_store(connection, self.ledger, settlements)
            inbox.keep_dead_letters(connection, placed)

        await self.store.write(apply)

    async def record(self, records: Sequence[Record]) -> None:
        await self.store.write(lambda connection: self.ledger.append(connection, records))

    def read(
        self, topic: str, selection: Selection | None = None, *, follow: bool = False
    ) -> AsyncIterator[Delivery]:
        chosen = selection or Selection()
        if is_dead_letter_topic(topic):
            return read_dead_letters(self.store, topic, chosen, follow=follow)
        return read_topic(
            self.aws,
            self.provisioning,
            self._address.prefix,
            self._address.wait_seconds,
            topic,
            chosen,
            follow=follow,
        )

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        raise NotOffered(
            "a queue has no positions: `lineal replay` handles the past again, where topics keep it"
        )

    async def topics(self) -> list[TopicInfo]:
        names, groups, letters = await asyncio.gather(
            self.provisioning.topics(),
            self.provisioning.groups(),
            self.store.read(inbox.dead_letter_counts),
        )
        backlogs = await asyncio.gather(*(self.provisioning.backlog(g.url) for g in groups))
        kept = await asyncio.gather(*(self._retention(name) for name in names))
        infos = []
        for name, retention in zip(names, kept, strict=True):
            of_topic = []
            for group, backlog in zip(groups, backlogs, strict=True):
                if backlog is not None and name in group.topics:
                    # A queue does not tell which of its topics its messages are from.
                    lag = backlog if group.topics[0] == name else 0
                    of_topic.append(GroupInfo(group.group, name, (PartitionLag(0, 0, lag, None),)))
            waiting = max((group.lag for group in of_topic), default=0)
            infos.append(
                TopicInfo(
                    topic=name,
                    partitions=0,
                    events=letters.get(name, waiting),
                    published_last_minute=None,
                    retention_seconds=retention,
                    groups=tuple(of_topic),
                )
            )
        return infos

    async def _retention(self, topic: str) -> int | None:
        if self._address.archive_days is None or is_dead_letter_topic(topic):
            return None
        days = await self.provisioning.archive_days(topic)
        return None if days is None else days * _DAY_SECONDS

    async def maintain(self) -> None:
        """Forget what the inbox need not know any more, sweep the queues of readers that died, and
        make dead letters of what killed the workers of this process's groups."""
        self.provisioning.look_again()
        await self.store.write(inbox.prune)
        await sweep_readings(self.aws, self.provisioning, self._address.prefix)
        for subscription in list(self._subscriptions):
            while await self._put_killers_aside(subscription.group, subscription.topics):
                pass

    async def _put_killers_aside(self, group: str, topics: tuple[str, ...]) -> int:
        resource = dead_letter_queue_resource(self._address.prefix, group)
        url, messages = await next_killers(self.aws, resource, topics)
        if not messages:
            return 0
        settlements = {m.publication: killer_settlement(group, m) for m in messages}
        placed = await self.publish_outputs([(s, None) for s in settlements.values()])

        def apply(connection: Connection) -> None:
            entered = inbox.enter(connection, group, list(settlements))
            apply_to_store(connection, self.ledger, [settlements[p] for p in sorted(entered)])
            inbox.keep_dead_letters(connection, placed)

        await self.store.write(apply)
        await forget_killers(self.aws, url, messages)
        return len(messages)

    async def close(self) -> None:
        for subscription in list(self._subscriptions):
            await subscription.close()
        if self._being_seen is not None:
            self._being_seen.cancel()
            await asyncio.gather(self._being_seen, return_exceptions=True)
            self._being_seen = None
