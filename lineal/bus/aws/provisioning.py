"""Creates missing topics, queues and subscriptions, and looks up existing ones.

Every operation can be repeated, and what exists is left as it is: it may come from a CloudFormation
template, applied by a person with more permissions than a worker has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from lineal.bus.aws.address import Address
from lineal.bus.aws.calls import Aws, Missing, RequestRejected, ask
from lineal.bus.aws.names import (
    dead_letter_queue_resource,
    group_of_resource,
    queue_resource,
    topic_of_resource,
    topic_resource,
)
from lineal.bus.aws.resources import (
    RAW_DELIVERY,
    archive_policy,
    group_tags,
    queue_attributes,
    queue_policy,
    replay_policy,
    topic_attributes,
    topics_of_tags,
)
from lineal.bus.protocol import Start, TopicSettings
from lineal.bus.topic_names import is_dead_letter_topic, is_redrive_topic
from lineal.errors import UnknownTopic

log = structlog.get_logger(__name__)

_DAY_SECONDS = 86_400


class GroupQueue(NamedTuple):
    """A group's queue."""

    group: str
    url: str
    topics: tuple[str, ...]


class Provisioning:
    """The resources of one prefix.

    Args:
        visibility_seconds: how long new queues hide a message that a worker was given.
    """

    def __init__(self, aws: Aws, address: Address, visibility_seconds: int) -> None:
        self._aws = aws
        self._address = address
        self.prefix = address.prefix
        self._visibility_seconds = visibility_seconds
        self._known: set[str] = set()
        self._groups: dict[str, GroupQueue] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        """By group."""
        self._days: dict[str, int | None] = {}

    def topic_arn(self, topic: str) -> str:
        """The ARN of a topic, whether or not it exists.

        Raises:
            InvalidName
        """
        return self._aws.topic_arn(topic_resource(self.prefix, topic))

    async def ensure_topics(self, topics: Iterable[str]) -> None:
        """Make the topics that do not exist."""
        missing = sorted(set(topics) - self._known)
        await asyncio.gather(*(self.ensure_topic(topic) for topic in missing))

    async def ensure_topic(self, topic: str, settings: TopicSettings | None = None) -> None:
        """Make a topic if it does not exist; settings that are given are applied to one that
        does."""
        if topic in self._known and settings is None:
            return
        days = self._archive_days(topic, settings)
        try:
            attributes = await self.topic_attributes(topic)
        except UnknownTopic:
            resource = topic_resource(self.prefix, topic)
            try:
                await ask(
                    self._aws.sns.create_topic, Name=resource, Attributes=topic_attributes(days)
                )
            except RequestRejected:
                # Somebody else has just made it otherwise: that is how it is then.
                await self.topic_attributes(topic)
        else:
            wanted = None if days is None else archive_policy(days)
            if settings is not None and wanted and _read(attributes, "ArchivePolicy") != wanted:
                await ask(
                    self._aws.sns.set_topic_attributes,
                    TopicArn=self.topic_arn(topic),
                    AttributeName="ArchivePolicy",
                    AttributeValue=json.dumps(wanted),
                )
        self._known.add(topic)
        self._days.pop(topic, None)

    def forget(self, topics: Iterable[str]) -> None:
        """Topics that were there are gone: look again next time."""
        self._known.difference_update(topics)

    def _archive_days(self, topic: str, settings: TopicSettings | None) -> int | None:
        # Dead letters are kept in the store, and what is redriven has been somewhere before.
        if is_dead_letter_topic(topic) or is_redrive_topic(topic):
            return None
        if self._address.archive_days is None:
            return None
        retention = settings.retention_seconds if settings is not None else None
        if retention is None:
            return self._address.archive_days
        return min(365, max(1, -(-retention // _DAY_SECONDS)))

    async def topic_attributes(self, topic: str) -> dict[str, str]:
        """The attributes of a topic.

        Raises:
            UnknownTopic
        """
        try:
            answer = await ask(self._aws.sns.get_topic_attributes, TopicArn=self.topic_arn(topic))
        except Missing as error:
            raise UnknownTopic(
                f"there is no topic {topic!r}: `lineal topics` lists them"
            ) from error
        attributes: dict[str, str] = answer["Attributes"]
        return attributes

    async def ensure_group(
        self, group: str, topics: Sequence[str], start: Start, *, verify: bool = False
    ) -> GroupQueue:
        """Make a group's queue and subscribe it to its topics.

        Args:
            start: where to begin in topics it was not subscribed to: at the beginning of their
                archive (that is now, where they have none), or now.
            verify: make subscriptions again even where the queue's tags say that they are there.
        """
        resource = queue_resource(self.prefix, group)
        # The tags are read, changed and written: not by two at once.
        async with self._locks.setdefault(group, asyncio.Lock()):
            url = await self._queue_url(resource) or await self._create_queue(group, resource)
            tags = (await ask(self._aws.sqs.list_queue_tags, QueueUrl=url)).get("Tags", {})
            subscribed = topics_of_tags(tags)
            new = tuple(t for t in topics if t not in subscribed)
            wanted = tuple(topics) if verify else new
            await self.ensure_topics(wanted)
            for topic in wanted:
                past = start == "beginning" and topic in new
                await self.subscribe(topic, self._aws.queue_arn(resource), past=past)
            if wanted:
                # Its lag is shown at the first: never at the one that is empty as a rule.
                subscribed = tuple(sorted((*subscribed, *new), key=is_redrive_topic))
                tags = group_tags(group, subscribed)
                await ask(self._aws.sqs.tag_queue, QueueUrl=url, Tags=tags)
            self._groups[url] = GroupQueue(group, url, subscribed)
            return self._groups[url]

    async def _queue_url(self, resource: str) -> str | None:
        try:
            answer = await ask(self._aws.sqs.get_queue_url, QueueName=resource)
        except Missing:
            return None
        url: str = answer["QueueUrl"]
        return url

    async def _create_queue(self, group: str, resource: str) -> str:
        dead = dead_letter_queue_resource(self.prefix, group)
        await self.create_queue(dead, queue_attributes(self._visibility_seconds), {})
        attributes = queue_attributes(
            self._visibility_seconds,
            dead_letter_queue=self._aws.queue_arn(dead),
            policy=self._policy(resource),
        )
        return await self.create_queue(resource, attributes, {})

    def _policy(self, resource: str) -> dict[str, Any]:
        return queue_policy(self._aws.queue_arn(resource), self._aws.topic_arn(f"{self.prefix}*"))

    async def create_queue(
        self, resource: str, attributes: Mapping[str, str], tags: Mapping[str, str]
    ) -> str:
        """Create a queue unless one of this name exists; returns its URL."""
        try:
            answer = await ask(
                self._aws.sqs.create_queue,
                QueueName=resource,
                Attributes=dict(attributes),
                tags=dict(tags),
            )
        except RequestRejected:
            url = await self._queue_url(resource)
            if url is None:
                raise
            return url
        made: str = answer["QueueUrl"]
        return made

    async def subscribe(self, topic: str, queue_arn: str, *, past: bool, raw: bool = True) -> str:
        """Have a queue sent what is published to a topic; returns the subscription's ARN.

        Args:
            past: also what was published before, as far as the topic's archive goes.
            raw: messages as they were published, and not in a notification of SNS.
        """
        attributes = dict(RAW_DELIVERY) if raw else {}
        if past:
            answered = await self.topic_attributes(topic)
            if (beginning := archive_beginning(answered)) is not None:
                attributes["ReplayPolicy"] = json.dumps(replay_policy(beginning))
        answer = await ask(
            self._aws.sns.subscribe,
            TopicArn=self.topic_arn(topic),
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        arn: str = answer["SubscriptionArn"]
        return arn

    @contextlib.asynccontextmanager
    async def reading_queue(
        self, resource: str, topic: str, *, past: bool
    ) -> AsyncIterator[tuple[str, str]]:
        """A queue of one reader, subscribed to a topic and removed at the end; gives its URL and
        the subscription's ARN."""
        attributes = queue_attributes(self._visibility_seconds, policy=self._policy(resource))
        url = await self.create_queue(resource, attributes, {})
        subscription = None
        try:
            # Only a notification says when a message was published that the archive sends again.
            queue = self._aws.queue_arn(resource)
            subscription = await self.subscribe(topic, queue, past=past, raw=False)
            yield url, subscription
        finally:
            await asyncio.shield(self._remove_reading(url, subscription))

    async def _remove_reading(self, url: str, subscription: str | None) -> None:
        # What cannot be removed now is swept later.
        with contextlib.suppress(Exception):
            if subscription is not None:
                await ask(self._aws.sns.unsubscribe, SubscriptionArn=subscription)
        with contextlib.suppress(Exception):
            await ask(self._aws.sqs.delete_queue, QueueUrl=url)

    async def topics(self) -> list[str]:
        """All topics there are."""
        found = []
        async for page in _pages(self._aws.sns.list_topics, "NextToken"):
            for item in page.get("Topics", []):
                topic = topic_of_resource(self.prefix, item["TopicArn"].rpartition(":")[2])
                if topic is not None:
                    found.append(topic)
        return sorted(found)

    async def queue_urls(self) -> list[str]:
        """All queues of this prefix, those of readers and of poison messages included."""
        urls: list[str] = []
        async for page in _pages(
            self._aws.sqs.list_queues, "NextToken", QueueNamePrefix=self.prefix, MaxResults=1000
        ):
            urls += page.get("QueueUrls", [])
        return urls

    async def groups(self) -> list[GroupQueue]:
        """All groups with their queues."""
        urls = [
            url
            for url in await self.queue_urls()
            if group_of_resource(self.prefix, url.rpartition("/")[2]) is not None
        ]
        found = await asyncio.gather(*(self._group(url) for url in urls))
        return [group for group in found if group is not None]

    async def _group(self, url: str) -> GroupQueue | None:
        if url not in self._groups:
            try:
                tags = (await ask(self._aws.sqs.list_queue_tags, QueueUrl=url)).get("Tags", {})
            except Missing:
                return None
            name = group_of_resource(self.prefix, url.rpartition("/")[2])
            group = tags.get("lineal:group", name)
            self._groups[url] = GroupQueue(group, url, topics_of_tags(tags))
        return self._groups[url]

    def clear_cache(self) -> None:
        """Forget the cached subscriptions of groups and retentions of topics."""
        self._groups.clear()
        self._days.clear()

    async def archive_days(self, topic: str) -> int | None:
        """The days of a topic's archive; None without an archive."""
        if topic not in self._days:
            policy = _read(await self.topic_attributes(topic), "ArchivePolicy")
            days = policy.get("MessageRetentionPeriod")
            self._days[topic] = None if days is None else int(days)
        return self._days[topic]

    async def backlog(self, url: str) -> int | None:
        """About how many messages a queue has, those being handled included; None: it is gone."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        try:
            answer = await ask(
                self._aws.sqs.get_queue_attributes, QueueUrl=url, AttributeNames=names
            )
        except Missing:
            self._groups.pop(url, None)
            return None
        return sum(int(answer["Attributes"].get(name, 0)) for name in names)


def archive_beginning(attributes: Mapping[str, str]) -> str | None:
    """The beginning of a topic's archive (RFC 3339), from its attributes; None without an
    archive."""
    if not _read(attributes, "ArchivePolicy"):
        return None
    return attributes.get("BeginningArchiveTime") or "1970-01-01T00:00:00Z"


def _read(attributes: Mapping[str, str], name: str) -> dict[str, Any]:
    value = json.loads(attributes.get(name) or "{}")
    return value if isinstance(value, dict) else {}


async def _pages(call: Any, token: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
    more: dict[str, str] = {}
    while True:
        page = await ask(call, **arguments, **more)
        yield page
        if not page.get(token):
            return
        more = {token: page[token]}
