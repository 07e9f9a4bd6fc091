"""The messages in flight to a worker: received, kept hidden from others, deleted or released.

A worker has a lease on a message until its visibility deadline, which is extended for as long as
the message is in flight. One whose lease has run out may have been delivered to another worker: its
receipt deletes nothing any more, and what was begun with it does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from lineal.bus.aws.calls import Aws, Missing, RequestRejected, ask
from lineal.bus.aws.messages import ATTRIBUTES, BATCH_ENTRIES, Received, received
from lineal.errors import BusUnavailable

log = structlog.get_logger(__name__)

_SYSTEM_ATTRIBUTES = ["MessageGroupId", "SentTimestamp", "ApproximateReceiveCount"]
_MAX_CALLS = 32
"""As many as publish: what is handled and not deleted yet makes a queue longer than it need be."""
_MAX_ATTEMPTS = 4
_PAUSE_SECONDS = 0.2
_LINGER_SECONDS = 0.005
_CHECKS_PER_LEASE = 6
_RECEIPT_EXPIRED = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)


@dataclass(slots=True, eq=False)
class InFlightMessage:
    """A message that this worker has received and not deleted."""

    message: Received
    assignment: int
    receipt: str
    deadline: float
    """When the lease ends, on the monotonic clock."""
    commit_in_doubt: bool = False
    """Whether it was committed without success: the store may have it, and its outputs may be
    left."""

    @property
    def lease_valid(self) -> bool:
        """Whether no other worker can have been given it."""
        return time.monotonic() < self.deadline


class SqsInFlight:
    """The messages in flight from one queue, and the calls to it.

    Args:
        visibility_seconds: how long a message stays hidden unless it is extended.
        wait_seconds: how long a receive waits for messages.
        on_lost: called with messages whose lease has run out.
    """

    def __init__(
        self,
        aws: Aws,
        url: str,
        topics: tuple[str, ...],
        *,
        visibility_seconds: int,
        wait_seconds: int,
        on_lost: Callable[[Sequence[InFlightMessage]], None],
    ) -> None:
        self._sqs = aws.sqs
        self._url = url
        self._topics = topics
        self._visibility = visibility_seconds
        self._wait = wait_seconds
        self._on_lost = on_lost
        self._messages: dict[str, InFlightMessage] = {}
        self._assignment = 0
        self._deleting: list[InFlightMessage] = []
        self._deletion_added = asyncio.Event()
        self._calls = asyncio.Semaphore(_MAX_CALLS)
        self._background: set[asyncio.Task[None]] = set()
        self._extending: asyncio.Task[None] | None = None
        self._deletions: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._messages)

    def open(self) -> None:
        """Begin to extend leases and to delete."""
        self._extending = asyncio.create_task(self._keep_extending(), name="sqs visibility")
        self._deletions = asyncio.create_task(self._delete_all(), name="sqs deletions")

    async def receive(
        self, attempt: str, *, wait_seconds: int | None = None
    ) -> list[InFlightMessage]:
        """The next messages, at most ten; those of a group in order. Empty: none came.

        Args:
            attempt: id of the attempt. When the answer to a receive is lost, the same messages are
                given to another with the same id.
        """
        begun = time.monotonic()
        answer = await ask(
            self._sqs.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_ENTRIES,
            VisibilityTimeout=self._visibility,
            WaitTimeSeconds=self._wait if wait_seconds is None else wait_seconds,
            ReceiveRequestAttemptId=attempt,
            MessageAttributeNames=list(ATTRIBUTES),
            MessageSystemAttributeNames=_SYSTEM_ATTRIBUTES,
        )
        # The wait is not part of the lease; the answer's way is, and is not known.
        deadline = max(begun, time.monotonic() - 1.0) + self._visibility
        fresh = []
        for answered in answer.get("Messages", []):
            message = received(answered, self._topics)
            known = self._messages.get(message.message_id)
            if known is not None:
                # The lease had run out and it came to us again: what was begun with it may go on.
                known.receipt, known.deadline = message.receipt, deadline
                continue
            self._assignment += 1
            item = InFlightMessage(message, self._assignment, message.receipt, deadline)
            self._messages[message.message_id] = item
            fresh.append(item)
        return fresh

    def delete(self, items: Iterable[InFlightMessage]) -> None:
        """Have messages deleted soon: they are handled, and no longer in flight."""
        for item in items:
            self._remove(item)
            self._deleting.append(item)
        self._deletion_added.set()

    def _has(self, item: InFlightMessage) -> bool:
        # It may have been received anew meanwhile, as another.
        return self._messages.get(item.message.message_id) is item

    def _remove(self, item: InFlightMessage) -> None:
        if self._has(item):
            del self._messages[item.message.message_id]

    def nack(self, items: Sequence[InFlightMessage]) -> None:
        """Have messages delivered again, here or elsewhere."""
        for item in items:
            self._remove(item)
        leased = [item for item in items if item.lease_valid]
        for item in leased:
            item.deadline = 0.0  # another worker may have it now
        if leased:
            task = asyncio.create_task(self._make_visible(leased))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _make_visible(self, items: Sequence[InFlightMessage]) -> None:
        # From the last to the first: a message hides all later ones of its group, so the first is
        # not received before those that follow it.
        for some in _chunks(list(reversed(items))):
            with contextlib.suppress(BusUnavailable, RequestRejected, Missing):
                await self._change_visibility(some, 0)

    async def close(self) -> None:
        """Release what is in flight and finish all deletions."""
        if self._extending is not None:
            self._extending.cancel()
            await asyncio.gather(self._extending, return_exceptions=True)
        self.nack(list(self._messages.values()))
        while self._background:
            await asyncio.wait(set(self._background))
        self._closing = True
        self._deletion_added.set()
        if self._deletions is not None:
            await asyncio.gather(self._deletions, return_exceptions=True)

    async def _change_visibility(
        self, items: Sequence[InFlightMessage], seconds: int
    ) -> list[InFlightMessage]:
        """Returns those whose receipt has expired."""
        async with self._calls:
            answer = await ask(
                self._sqs.change_message_visibility_batch,
                QueueUrl=self._url,
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": item.receipt,
                        "VisibilityTimeout": seconds,
                    }
                    for number, item in enumerate(items)
                ],
            )
        return [
            items[int(entry["Id"])]
            for entry in answer.get("Failed", [])
            if entry.get("Code") in _RECEIPT_EXPIRED
        ]

    async def _keep_extending(self) -> None:
        while True:
            await asyncio.sleep(self._visibility / _CHECKS_PER_LEASE)
            try:
                await self._extend()
            except (BusUnavailable, RequestRejected, Missing) as error:
                # The deadline stands: a lease that cannot be extended in time runs out.
                log.warning("sqs.extend_failed", queue=self._url, error=str(error))

    async def _extend(self) -> None:
        now = time.monotonic()
        if expired := [item for item in self._messages.values() if item.deadline <= now]:
            self._expire(expired)
        soon = now + self._visibility / 2
        due = [item for item in self._messages.values() if item.deadline < soon]
        for some in _chunks(due):
            begun = time.monotonic()
            expired = await self._change_visibility(some, self._visibility)
            for item in some:
                if item not in expired:
                    item.deadline = begun + self._visibility
            # Those deleted or released meanwhile have expired receipts too.
            if lost := [item for item in expired if self._has(item)]:
                self._expire(lost)

    def _expire(self, items: Sequence[InFlightMessage]) -> None:
        for item in items:
            self._remove(item)
        log.warning("sqs.leases_expired", queue=self._url, messages=len(items))
        self._on_lost(items)

    async def _delete_all(self) -> None:
        while self._deleting or not self._closing:
            await self._deletion_added.wait()
            if len(self._deleting) < BATCH_ENTRIES and not self._closing:
                await asyncio.sleep(_LINGER_SECONDS)
            self._deletion_added.clear()
            deleting, self._deleting = self._deleting, []
            await asyncio.gather(*(self._delete_batch(some) for some in _chunks(deleting)))

    async def _delete_batch(self, batch: Sequence[InFlightMessage]) -> None:
        left = batch
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
            try:
                async with self._calls:
                    answer = await ask(
                        self._sqs.delete_message_batch,
                        QueueUrl=self._url,
                        Entries=[
                            {"Id": str(number), "ReceiptHandle": item.receipt}
                            for number, item in enumerate(left)
                        ],
                    )
            except (BusUnavailable, RequestRejected, Missing) as error:
                log.warning("sqs.delete_failed", queue=self._url, error=str(error))
                continue
            left = [
                left[int(entry["Id"])]
                for entry in answer.get("Failed", [])
                if entry.get("Code") not in _RECEIPT_EXPIRED
            ]
            if not left:
                return
        # They come again when they are visible again; the inbox knows them, and only deletes them.
        log.warning("sqs.delete_given_up", queue=self._url, messages=len(left))


def new_attempt_id() -> str:
    """An id for one receive."""
    return uuid4().hex


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), BATCH_ENTRIES):
        yield items[begin : begin + BATCH_ENTRIES]
