"""Reads a topic without a group, through a temporary queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from uuid import uuid4

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.calls import Aws, ask
from lineal.bus.aws.messages import ATTRIBUTES, BATCH_ENTRIES, received, unwrapped
from lineal.bus.aws.names import reading_begun, reading_resource
from lineal.bus.aws.provisioning import Provisioning, archive_beginning
from lineal.bus.protocol import Delivery, Selection
from lineal.errors import BusUnavailable, NotOffered
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
_BOUNDED_WAIT_SECONDS = 1
_MAX_READING_SECONDS = 7 * 86_400
"""A reader's queue older than this has lost its reader."""


def _within(delivery: Delivery, selection: Selection, newest: int | None) -> bool:
    offset = delivery.position.offset
    return (
        (newest is None or offset <= newest)
        and (selection.from_offset is None or offset >= selection.from_offset)
        and (selection.to_offset is None or offset < selection.to_offset)
        and selection.matches(delivery.event)
    )


async def read_dead_letters(
    store: Store,
    topic: str,
    selection: Selection,
    *,
    follow: bool,
    begun: Callable[[], None] | None = None,
) -> AsyncIterator[Delivery]:
    """The dead letters of a topic, oldest first: the store keeps them."""
    after = (now_us() if selection.from_now else 0, "")
    if begun is not None:
        begun()
    while True:
        letters = await store.read(partial(_letters_after, topic, after))
        for letter in letters:
            after = (letter.position.offset, letter.event.id)
            if _within(letter, selection, None):
                yield letter
        if not letters:
            if not follow:
                return
            await asyncio.sleep(_POLL_SECONDS)


def _letters_after(topic: str, after: tuple[int, str], connection: Connection) -> list[Delivery]:
    return inbox.dead_letters_after(connection, topic, after)


async def read_topic(
    aws: Aws,
    provisioning: Provisioning,
    wait_seconds: int,
    topic: str,
    selection: Selection,
    *,
    follow: bool,
    begun: Callable[[], None] | None = None,
) -> AsyncIterator[Delivery]:
    """The events in a topic's archive, and with ``follow`` those published from now on.

    Raises:
        UnknownTopic: there is no such topic.
        NotOffered: the past is asked for, and the topic has no archive; or partitions are.
    """
    if selection.partitions is not None:
        raise NotOffered("topics of SNS have no partitions: leave them out")
    attributes = await provisioning.topic_attributes(topic)
    archived = archive_beginning(attributes) is not None
    if not archived and not selection.from_now:
        reason = (
            f"topic {topic!r} does not keep what is past: name archive_days=N in LINEAL_BUS and "
            f"run `lineal topics create {topic}`; from then on it can be read and replayed"
        )
        if not follow:
            raise NotOffered(reason)
        log.warning("aws.read_from_latest", reason=reason)
    beginning = now_us()
    resource = reading_resource(provisioning.prefix, int(time.time()), uuid4().hex[:12])
    past = archived and not selection.from_now
    async with provisioning.reading_queue(resource, topic, past=past) as (url, subscription):
        newest = None if follow else beginning
        if begun is not None:
            begun()
        while True:
            # Asked before the queue: what is replayed by then is in the queue by then.
            replayed = follow or await _replayed(aws, subscription)
            answer = await ask(
                aws.sqs.receive_message,
                QueueUrl=url,
                MaxNumberOfMessages=BATCH_ENTRIES,
                WaitTimeSeconds=wait_seconds if follow else _BOUNDED_WAIT_SECONDS,
                MessageAttributeNames=list(ATTRIBUTES),
                MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                if replayed and not follow:
                    return
                continue
            await ask(
                aws.sqs.delete_message_batch,
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )
            for message in messages:
                item = received(unwrapped(message), (topic,))
                delivery = Delivery(item.position, item.event)
                if _within(delivery, selection, newest):
                    yield delivery


async def _replayed(aws: Aws, subscription: str) -> bool:
    """Whether a replay has sent all there was.

    Raises:
        BusUnavailable: it has failed.
    """
    answer = await ask(aws.sns.get_subscription_attributes, SubscriptionArn=subscription)
    status = str(answer["Attributes"].get("ReplayStatus", "")).lower()
    if "fail" in status:
        raise BusUnavailable(f"SNS could not replay the archive: {status}")
    return "complete" in status


async def sweep_readings(aws: Aws, provisioning: Provisioning) -> int:
    """Remove the queues of readers that died; returns how many."""
    oldest = time.time() - _MAX_READING_SECONDS
    removed = 0
    for url in await provisioning.queue_urls():
        begun = reading_begun(provisioning.prefix, url.rpartition("/")[2])
        if begun is not None and begun < oldest:
            await ask(aws.sqs.delete_queue, QueueUrl=url)
            removed += 1
    return removed
