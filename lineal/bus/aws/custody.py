"""The messages a worker has of a queue: received, kept hidden from others, deleted or given back.

A message is ours until its visibility deadline, which is moved on for as long as we hold it. One
whose deadline has passed may be in other hands: its receipt deletes nothing any more, and what was
begun with it does not count.
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

from lineal.bus.aws.calls import Aws, Missing, Refused, ask
from lineal.bus.aws.messages import ATTRIBUTES, BATCH_ENTRIES, Received, received
from lineal.errors import BusUnavailable

log = structlog.get_logger(__name__)

_SYSTEM_ATTRIBUTES = ["MessageGroupId", "SentTimestamp", "ApproximateReceiveCount"]
_CALLS_AT_ONCE = 32
"""As many as publish: what is handled and not deleted yet makes a queue longer than it need be."""
_TRIES = 4
_PAUSE_SECONDS = 0.2
_LINGER_SECONDS = 0.005
_LOOKS_PER_DEADLINE = 6
_RECEIPT_LOST = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)


@dataclass(slots=True, eq=False)
class Held:
    """A message in our hands."""

    message: Received
    generation: int
    receipt: str
    deadline: float
    """Until when it is ours, on the monotonic clock."""

    @property
    def ours(self) -> bool:
        return time.monotonic() < self.deadline


class Custody:
    """The calls to one queue.

    Args:
        visibility_seconds: how long a message stays hidden unless it is extended.
        wait_seconds: how long a receive waits for messages.
        lost: called with what has ceased to be ours while we held it.
    """

    def __init__(
        self,
        aws: Aws,
        url: str,
        topics: tuple[str, ...],
        *,
        visibility_seconds: int,
        wait_seconds: int,
        lost: Callable[[Sequence[Held]], None],
    ) -> None:
        self._sqs = aws.sqs
        self._url = url
        self._topics = topics
        self._visibility = visibility_seconds
        self._wait = wait_seconds
        self._lost = lost
        self._held: dict[str, Held] = {}
        self._generation = 0
        self._deleting: list[Held] = []
        self._some_to_delete = asyncio.Event()
        self._calls = asyncio.Semaphore(_CALLS_AT_ONCE)
        self._background: set[asyncio.Task[None]] = set()
        self._hiding: asyncio.Task[None] | None = None
        self._deletions: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._held)

    def open(self) -> None:
        """Begin to keep what is held."""
        self._hiding = asyncio.create_task(self._keep_hidden(), name="sqs visibility")
        self._deletions = asyncio.create_task(self._delete_all(), name="sqs deletions")

    async def receive(self, attempt: str, *, wait_seconds: int | None = None) -> list[Held]:
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
        # The wait is not part of the time they are hidden; the answer's way is, and is not known.
        deadline = max(begun, time.monotonic() - 1.0) + self._visibility
        fresh = []
        for item in answer.get("Messages", []):
            message = received(item, self._topics)
            known = self._held.get(message.message_id)
            if known is not None:
                # Ours had expired and it came to us again: what was begun with it may go on.
                known.receipt, known.deadline = message.receipt, deadline
                continue
            self._generation += 1
            held = Held(message, self._generation, message.receipt, deadline)
            self._held[message.message_id] = held
            fresh.append(held)
        return fresh

    def delete(self, held: Iterable[Held]) -> None:
        """Have messages deleted soon: they are done with, and no longer held."""
        for item in held:
            self._held.pop(item.message.message_id, None)
            self._deleting.append(item)
        self._some_to_delete.set()

    def give_back(self, held: Sequence[Held]) -> None:
        """Have messages shown to all workers again."""
        for item in held:
            self._held.pop(item.message.message_id, None)
        ours = [item for item in held if item.ours]
        if ours:
            task = asyncio.create_task(self._show(ours))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _show(self, held: Sequence[Held]) -> None:
        # From the last to the first: a message hides all later ones of its group, so the first is
        # not seen before those that follow it.
        for some in _tens(list(reversed(held))):
            with contextlib.suppress(BusUnavailable, Refused, Missing):
                await self._change_visibility(some, 0)

    async def close(self) -> None:
        """Give back what is held and finish all deletions."""
        if self._hiding is not None:
            self._hiding.cancel()
            await asyncio.gather(self._hiding, return_exceptions=True)
        self.give_back(list(self._held.values()))
        while self._background:
            await asyncio.wait(set(self._background))
        self._closing = True
        self._some_to_delete.set()
        if self._deletions is not None:
            await asyncio.gather(self._deletions, return_exceptions=True)

    async def _change_visibility(self, held: Sequence[Held], seconds: int) -> list[Held]:
        """Returns those that are no longer ours to change."""
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
                    for number, item in enumerate(held)
                ],
            )
        return [
            held[int(entry["Id"])]
            for entry in answer.get("Failed", [])
            if entry.get("Code") in _RECEIPT_LOST
        ]

    async def _keep_hidden(self) -> None:
        while True:
            await asyncio.sleep(self._visibility / _LOOKS_PER_DEADLINE)
            try:
                await self._extend()
            except (BusUnavailable, Refused, Missing) as error:
                # The deadline stands: what cannot be extended in time is lost by itself.
                log.warning("aws.cannot_extend", queue=self._url, error=str(error))

    async def _extend(self) -> None:
        now = time.monotonic()
        if gone := [item for item in self._held.values() if item.deadline <= now]:
            self._forget(gone)
        due = [item for item in self._held.values() if item.deadline < now + self._visibility / 2]
        for some in _tens(due):
            begun = time.monotonic()
            gone = await self._change_visibility(some, self._visibility)
            for item in some:
                if item not in gone:
                    item.deadline = begun + self._visibility
            still = [item for item in gone if self._held.get(item.message.message_id) is item]
            if still:
                self._forget(still)

    def _forget(self, held: Sequence[Held]) -> None:
        for item in held:
            self._held.pop(item.message.message_id, None)
        log.warning("aws.messages_lost", queue=self._url, messages=len(held))
        self._lost(held)

    async def _delete_all(self) -> None:
        while self._deleting or not self._closing:
            await self._some_to_delete.wait()
            if len(self._deleting) < BATCH_ENTRIES and not self._closing:
                await asyncio.sleep(_LINGER_SECONDS)
            self._some_to_delete.clear()
            deleting, self._deleting = self._deleting, []
            await asyncio.gather(*(self._delete_batch(some) for some in _tens(deleting)))

    async def _delete_batch(self, batch: Sequence[Held]) -> None:
        left = batch
        for attempt in range(_TRIES):
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
            except (BusUnavailable, Refused, Missing) as error:
                log.warning("aws.cannot_delete", queue=self._url, error=str(error))
                continue
            left = [
                left[int(entry["Id"])]
                for entry in answer.get("Failed", [])
                if entry.get("Code") not in _RECEIPT_LOST
            ]
            if not left:
                return
        # They come again when they are visible again; the inbox knows them, and only deletes them.
        log.warning("aws.left_to_inbox", queue=self._url, messages=len(left))


def new_attempt() -> str:
    """An id for one receive."""
    return uuid4().hex


def _tens(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), BATCH_ENTRIES):
        yield items[begin : begin + BATCH_ENTRIES]
