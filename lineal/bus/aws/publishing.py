"""Publishing in batches of ten without ever changing the order within a key.

A batch fails entry by entry. Were two events of one key in it, the first could fail and the second
be published; so a batch has at most one event of each key, and the next of a key goes out only when
the one before it is in the topic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import structlog
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from lineal.bus.aws.calls import Aws, RequestRejected, ask, is_sender_fault
from lineal.bus.aws.messages import BATCH_BYTES, BATCH_ENTRIES, Message
from lineal.concurrency import gather_all
from lineal.errors import BusUnavailable

log = structlog.get_logger(__name__)

_MAX_CALLS = 32
"""Calls under way for one topic."""
_MAX_ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 5.0


class _PartlyRejected(BusUnavailable):
    """Entries of a batch failed that may succeed later."""


class _Line:
    """The messages of one topic that are still to be published.

    Invariant: a group is in ``_ready`` if it has a message waiting and none under way.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self._waiting: dict[str, deque[Message]] = {}
        for message in messages:
            self._waiting.setdefault(message.group, deque()).append(message)
        self._ready = deque(self._waiting)

    @property
    def groups(self) -> int:
        return len(self._waiting)

    def take(self) -> list[Message]:
        """The next batch; empty when all others wait for what is under way."""
        batch: list[Message] = []
        size = 0
        while self._ready and len(batch) < BATCH_ENTRIES:
            message = self._waiting[self._ready[0]][0]
            size += message.size
            if batch and size > BATCH_BYTES:
                break
            self._ready.popleft()
            batch.append(message)
        return batch

    def published(self, message: Message) -> None:
        waiting = self._waiting[message.group]
        waiting.popleft()
        if waiting:
            self._ready.append(message.group)


class Publisher:
    """Publishes messages to SNS topics."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def publish(self, messages: Sequence[tuple[str, Message]]) -> None:
        """Publish messages, given with the ARNs of their topics; returns when all are durable.

        Raises:
            Missing: a topic is gone.
            RequestRejected: a message can never be published.
            BusUnavailable: some may have been published; trying all again does not double them
                within five minutes.
        """
        topics: dict[str, list[Message]] = {}
        for arn, message in messages:
            topics.setdefault(arn, []).append(message)
        await gather_all(self._publish_topic(arn, items) for arn, items in topics.items())

    async def _publish_topic(self, arn: str, messages: Sequence[Message]) -> None:
        line = _Line(messages)
        workers = min(_MAX_CALLS, -(-line.groups // BATCH_ENTRIES))
        await gather_all(self._publish_line(arn, line) for _ in range(workers))

    async def _publish_line(self, arn: str, line: _Line) -> None:
        while batch := line.take():
            await self._publish_batch(arn, line, batch)

    async def _publish_batch(self, arn: str, line: _Line, batch: list[Message]) -> None:
        left = batch
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(_MAX_ATTEMPTS),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_MAX_PAUSE_SECONDS),
            retry=retry_if_exception_type(_PartlyRejected),
            reraise=True,
        ):
            with attempt:
                left = await self._try_to_publish(arn, line, left)
                if left:
                    raise _PartlyRejected(f"SNS does not take {len(left)} events for {arn} now")

    async def _try_to_publish(
        self, arn: str, line: _Line, batch: Sequence[Message]
    ) -> list[Message]:
        """Returns those that were not taken for the time being."""
        answer = await ask(
            self._aws.sns.publish_batch,
            TopicArn=arn,
            PublishBatchRequestEntries=[m.entry(number) for number, m in enumerate(batch)],
        )
        failed = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
        for number, message in enumerate(batch):
            if number not in failed:
                line.published(message)
        for entry in failed.values():
            if is_sender_fault(entry):
                raise RequestRejected(f"SNS will not take an event: {entry.get('Message')}")
        if failed:
            reasons = sorted({str(entry.get("Code")) for entry in failed.values()})
            log.warning("aws.publish_retried", topic=arn, events=len(failed), reasons=reasons)
        return [message for number, message in enumerate(batch) if number in failed]
