"""Publishing events: as messages, to topics that are made where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.bus.aws.calls import Missing
from lineal.bus.aws.messages import Message, Offsets, message_of, partition_of
from lineal.bus.aws.nonces import Nonce
from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.aws.publishing import Publisher
from lineal.bus.claim_check import check_in
from lineal.bus.marks import Marks
from lineal.bus.protocol import Addressed, Position
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import RawEvent

_MAX_MESSAGE_BYTES = 200_000
"""What is larger goes by reference. SNS takes 262,144."""


class Outgoing(NamedTuple):
    """An event to be published, and its position."""

    position: Position
    event: RawEvent
    nonce: Nonce


class EventPublisher:
    """Publishes events.

    Args:
        objects: where the data of large events is put.
        marks: what is published is marked with; None: not at all.
    """

    def __init__(
        self,
        publisher: Publisher,
        provisioning: Provisioning,
        objects: ObjectStore,
        marks: Marks | None = None,
    ) -> None:
        self._publisher = publisher
        self._provisioning = provisioning
        self._objects = objects
        self._marks = marks
        self._offsets = Offsets()

    def place(self, outputs: Sequence[Addressed], nonces: Sequence[Nonce]) -> list[Outgoing]:
        """Give events, each with its nonce, the positions at which they will be published, and
        marks: what of them is kept in the store has these too."""
        return [
            Outgoing(
                Position(topic, partition_of(event.partitionkey), self._offsets.next()),
                self._marked(event),
                nonce,
            )
            for (topic, event), nonce in zip(outputs, nonces, strict=True)
        ]

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Publish events; returns when all are durable.

        Raises:
            RequestRejected: one can never be published.
            BusUnavailable: some may have been published; trying all again does not double them
                within five minutes.
        """
        if not outgoing:
            return
        topics = {item.position.topic for item in outgoing}
        await self._provisioning.ensure_topics(topics)
        arns = {topic: self._provisioning.topic_arn(topic) for topic in topics}
        messages = [(arns[item.position.topic], await self._message(item)) for item in outgoing]
        try:
            await self._publisher.publish(messages)
        except Missing:
            # Made by us or found once, and deleted since.
            self._provisioning.forget(topics)
            await self._provisioning.ensure_topics(topics)
            await self._publisher.publish(messages)

    async def _message(self, item: Outgoing) -> Message:
        (topic, _, offset), event, nonce = item
        message = message_of(topic, self._marked(event), offset, nonce)
        if message.size > _MAX_MESSAGE_BYTES:
            event = await check_in(event, self._objects)
            return message_of(topic, self._marked(event), offset, nonce)
        return message

    def _marked(self, event: RawEvent) -> RawEvent:
        return event if self._marks is None else self._marks.marked(event)
