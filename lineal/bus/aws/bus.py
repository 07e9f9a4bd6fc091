"""The bus on AWS: SNS FIFO topics, SQS FIFO queues, and an inbox in the store."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from lineal.bus.aws import inbox
from lineal.bus.aws.address import Address
from lineal.bus.aws.calls import Aws, connect
from lineal.bus.aws.event_publisher import EventPublisher
from lineal.bus.aws.maintenance import Maintenance
from lineal.bus.aws.membership import Membership
from lineal.bus.aws.nonces import nonce_of_publication
from lineal.bus.aws.outbox import Outbox
from lineal.bus.aws.overview import topic_infos
from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.aws.publishing import Publisher
from lineal.bus.aws.reading import read_dead_letters, read_topic
from lineal.bus.aws.subscription import AwsSubscription
from lineal.bus.marks import Marks
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
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.effects.effect import Effect
from lineal.errors import NotOffered
from lineal.store.connection import Store
from lineal.store.objects import ObjectStore


@contextlib.asynccontextmanager
async def open_aws_bus(
    address: Address,
    store: Store,
    objects: ObjectStore,
    *,
    lease_seconds: float,
    marks: Marks | None = None,
) -> AsyncGenerator[AwsBus]:
    """Connect.

    Args:
        lease_seconds: how long a message stays hidden when its worker dies.
        marks: what is published is marked with; None: not at all.

    Raises:
        BusUnavailable: AWS cannot be reached, or does not know us.
    """
    async with connect(address) as aws:
        bus = AwsBus(aws, address, store, objects, lease_seconds=lease_seconds, marks=marks)
        try:
            yield bus
        finally:
            await bus.close()


class AwsBus:
    """See :class:`lineal.bus.protocol.Bus`; :func:`open_aws_bus` makes one.

    Handling is at least once; its effect is exactly once. One transaction of the store takes the
    effects, the fact that the events were handled, and their outputs as rows of the outbox; then
    these are published; then the messages and the rows are deleted. Who fails in between leaves
    rows that another worker publishes (:mod:`lineal.bus.aws.outbox`): an output that is published
    twice has the same id, so SNS drops it within five minutes and the inbox of who receives it does
    ever after.

    Args:
        lease_seconds: how long a message stays hidden when its worker dies.
    """

    capabilities = Capabilities(
        transactional_outputs=False,
        applies_effects=True,
        # They are in that of the inbox, which outputs are not part of.
        transactional_effects=False,
        seek=False,
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
        marks: Marks | None = None,
    ) -> None:
        self.aws = aws
        self.store = store
        self._address = address
        self._visibility_seconds = max(1, math.ceil(lease_seconds))
        self.provisioning = Provisioning(aws, address, self._visibility_seconds)
        self._publisher = EventPublisher(Publisher(aws), self.provisioning, objects, marks)
        self._outbox = Outbox(store, self._publisher)
        self._subscriptions: set[AwsSubscription] = set()
        self._membership = Membership(store, self._own_groups)
        self.maintenance = Maintenance(
            aws,
            store,
            self.provisioning,
            self._publisher,
            self._outbox,
            lambda: [(item.group, item.topics) for item in self._subscriptions],
        )
        self._background: list[asyncio.Task[None]] = []

    @property
    def identity(self) -> str:
        address = self._address
        return f"aws:{address.region}:{address.prefix}:"

    async def create_topic(
        self,
        topic: str,
        settings: TopicSettings | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> None:
        await self.provisioning.ensure_topic(topic, settings)
        for group in groups:
            await self.provisioning.ensure_group(group, [topic], "beginning", verify=True)

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        nonces = [nonce_of_publication(topic, event) for topic, event in outputs]
        if effects or any(is_dead_letter_topic(topic) for topic, _ in outputs):
            return await self._outbox.publish(outputs, effects, nonces)
        outgoing = self._publisher.place(outputs, nonces)
        await self._publisher.publish(outgoing)
        return [item.position for item in outgoing]

    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        on_revoking: OnRevoking | None = None,
    ) -> AwsSubscription:
        # Nothing is ever revoked: keys go to whoever asks.
        await self.provisioning.ensure_topics(topics)
        queue = await self.provisioning.ensure_group(group, topics, start)
        await self._outbox.publish_remaining(group)
        subscription = AwsSubscription(
            self.aws,
            queue,
            self.store,
            self._publisher,
            self._outbox,
            visibility_seconds=self._visibility_seconds,
            wait_seconds=self._address.wait_seconds,
            on_closed=self._left,
        )
        self._subscriptions.add(subscription)
        await self._membership.heartbeat()
        if not self._background:
            self._background = [
                asyncio.create_task(self._membership.run(), name="group membership"),
                asyncio.create_task(self.maintenance.run(), name="bus maintenance"),
            ]
        subscription.open()
        return subscription

    async def _left(self, subscription: AwsSubscription) -> None:
        self._subscriptions.discard(subscription)
        if subscription.group not in self._own_groups():
            await self._membership.leave(subscription.group)

    def _own_groups(self) -> set[str]:
        return {subscription.group for subscription in self._subscriptions}

    def read(
        self,
        topic: str,
        selection: Selection | None = None,
        *,
        follow: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> AsyncIterator[Delivery]:
        chosen = selection or Selection()
        if is_dead_letter_topic(topic):
            return read_dead_letters(self.store, topic, chosen, follow=follow, begun=begun)
        return read_topic(
            self.aws,
            self.provisioning,
            self._address.wait_seconds,
            topic,
            chosen,
            follow=follow,
            begun=begun,
        )

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        raise NotOffered(
            "a queue has no positions: `lineal replay` handles the past again, where topics keep it"
        )

    async def topics(self) -> list[TopicInfo]:
        dead_letters = await self.store.read(inbox.dead_letter_counts)
        elsewhere = await self._membership.groups_of_other_processes()
        archived = self._address.archive_days is not None
        return await topic_infos(self.provisioning, dead_letters, elsewhere, archived=archived)

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._background = []
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._outbox.close()
