"""Publishing events: as messages, to topics that are made where they are missing."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.aws.calls import Missing
from lineal.bus.aws.inbox import Placed
from lineal.bus.aws.messages import Message, Offsets, message_of, partition_of
from lineal.bus.aws.nonces import Nonce
from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.aws.publishing import Publisher
from lineal.bus.claim_check import check_in
from lineal.bus.protocol import Addressed, Position
from lineal.store.objects import ObjectStore

_MAX_MESSAGE_BYTES = 200_000
"""What is larger goes by reference. SNS takes 262,144."""


class EventPublisher:
    """Publishes events.

    Args:
        objects: where the data of large events is put.
    """

    def __init__(
        self, publisher: Publisher, provisioning: Provisioning, objects: ObjectStore
    ) -> None:
        self._publisher = publisher
        self._provisioning = provisioning
        self._objects = objects
        self._offsets = Offsets()

    async def publish(self, outputs: Sequence[Addressed], nonces: Sequence[Nonce]) -> list[Placed]:
        """Publish events, each with its nonce; returns them with their positions when all are
        durable.

        Raises:
            RequestRejected: one can never be published.
            BusUnavailable: some may have been published; trying all again does not double them
                within five minutes.
        """
        if not outputs:
            return []
        topics = {topic for topic, _ in outputs}
        await self._provisioning.ensure_topics(topics)
        arns = {topic: self._provisioning.topic_arn(topic) for topic in topics}
        placed: list[Placed] = []
        messages: list[tuple[str, Message]] = []
        for (topic, event), nonce in zip(outputs, nonces, strict=True):
            offset = self._offsets.next()
            placed.append((Position(topic, partition_of(event.partitionkey), offset), event))
            message = message_of(topic, event, offset, nonce)
            if message.size > _MAX_MESSAGE_BYTES:
                message = message_of(topic, await check_in(event, self._objects), offset, nonce)
            messages.append((arns[topic], message))
        try:
            await self._publisher.publish(messages)
        except Missing:
            # Made by us or found once, and deleted since.
            self._provisioning.forget(topics)
            await self._provisioning.ensure_topics(topics)
            await self._publisher.publish(messages)
        return placed
