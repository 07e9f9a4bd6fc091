"""The subscription of a group's worker on SQS: receive, commit, release.

SQS delivers up to ten messages of a message group (a key) at once, and nothing more of it until
they are deleted or visible again. In which order they are handed out is the matter of
:class:`~lineal.bus.aws.key_queues.KeyQueues`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.calls import Aws, Missing, RequestRejected
from lineal.bus.aws.event_publisher import EventPublisher, Outgoing
from lineal.bus.aws.in_flight import InFlightMessage, SqsInFlight, new_attempt_id
from lineal.bus.aws.key_queues import KeyQueues
from lineal.bus.aws.nonces import nonces_of_outputs
from lineal.bus.aws.outbox import Outbox, delete
from lineal.bus.aws.provisioning import GroupQueue
from lineal.bus.protocol import AssignmentLost, Batch, Delivery, Position
from lineal.effects.effect import apply
from lineal.errors import BusUnavailable, LinealError, Unavailable
from lineal.store.connection import Connection, Store

log = structlog.get_logger(__name__)

_MAX_RECEIVES = 16
"""Requests for messages under way at once; one while nothing comes."""
_MAX_IN_FLIGHT = 4096
"""Messages in memory, those included that wait behind the first of their key."""
_CLOSE_SECONDS = 2.0
_RETRY_SECONDS = 1.0


class _HandledElsewhere(LinealError):
    """Publications are in the inbox already: the transaction is undone."""

    def __init__(self, publications: Collection[str]) -> None:
        super().__init__(f"{len(publications)} publications are handled already")
        self.publications = publications


class AwsSubscription:
    """See :class:`lineal.bus.protocol.Subscription`.

    Args:
        visibility_seconds: how long a message stays hidden unless it is extended.
        wait_seconds: how long a receive waits for messages.
        on_closed: called when the group is left.
    """

    def __init__(
        self,
        aws: Aws,
        queue: GroupQueue,
        store: Store,
        publisher: EventPublisher,
        outbox: Outbox,
        *,
        visibility_seconds: int,
        wait_seconds: int,
        on_closed: Callable[[AwsSubscription], Awaitable[None]],
    ) -> None:
        self.group = queue.group
        self.topics = queue.topics
        self._store = store
        self._publisher = publisher
        self._outbox = outbox
        self._on_closed = on_closed
        self._in_flight = SqsInFlight(
            aws,
            queue.url,
            queue.topics,
            visibility_seconds=visibility_seconds,
            wait_seconds=wait_seconds,
            on_lost=self._nack,
        )
        self._wait_seconds = wait_seconds
        self._queues: KeyQueues[InFlightMessage] = KeyQueues(lambda item: item.message.group)
        self._out: dict[tuple[Position, int], InFlightMessage] = {}
        """What was handed out, by position and assignment."""
        self._receiving: dict[asyncio.Task[None], str] = {}
        self._max_receives = 1
        self._changed = asyncio.Event()
        self._closed = False
        self._problem: str | None = None
        """Why the last request for messages failed; None when it did not."""

    def open(self) -> None:
        """Begin to extend leases and to delete."""
        self._in_flight.open()

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    batch = [self._hand_out(item) for item in self._queues.take(limit)]
                    self._receive_more(limit - len(batch))
                    if batch:
                        return batch
                    await self._changed.wait()
        except TimeoutError:
            # A request is repeated for some seconds before it fails, so this is no mere hiccup.
            if self._problem is not None:
                raise BusUnavailable(self._problem) from None
            return []

    def _hand_out(self, item: InFlightMessage) -> Delivery:
        message = item.message
        delivery = Delivery(message.position, message.event, item.assignment)
        self._out[delivery.position, delivery.assignment] = item
        return delivery

    def _receive_more(self, room: int) -> None:
        """Ask for as many messages as there is room for: a message may bring nine of its key."""
        if self._closed:
            return
        if len(self._in_flight) >= _MAX_IN_FLIGHT:
            # Slow keys must not keep others from being received at all.
            self._in_flight.nack(self._queues.remove_behind())
        room -= self._queues.ready
        while (
            room > 0
            and len(self._receiving) < self._max_receives
            and len(self._receiving) * 10 < room + 9
            and len(self._in_flight) < _MAX_IN_FLIGHT
        ):
            attempt = new_attempt_id()
            task = asyncio.create_task(self._receive(attempt))
            self._receiving[task] = attempt
            task.add_done_callback(self._received)

    def _received(self, task: asyncio.Task[None]) -> None:
        self._receiving.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sqs.receive_failed", group=self.group, exc_info=error)
        self._changed.set()

    async def _receive(self, attempt: str) -> None:
        try:
            fresh = await self._in_flight.receive(attempt)
        except Exception as error:
            self._max_receives = 1
            if not self._closed:
                self._problem = f"group {self.group} cannot receive: {error}"
                log.warning("sqs.receive_failed", group=self.group, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            return
        self._problem = None
        self._max_receives = min(2 * self._max_receives, _MAX_RECEIVES) if fresh else 1
        if fresh:
            await self._accept(fresh)

    async def _accept(self, fresh: Sequence[InFlightMessage]) -> None:
        """Queue what the group has not handled, delete the rest."""
        publications = [item.message.publication for item in fresh]
        try:
            handled = await self._store.read(
                lambda connection: inbox.handled(connection, self.group, publications)
            )
        except Exception as error:
            log.warning("inbox.read_failed", group=self.group, error=repr(error))
            # Committing asks again, and is what decides.
            handled = set()
        known = [item for item in fresh if item.message.publication in handled]
        if known:
            log.info("sqs.handled_already", group=self.group, messages=len(known))
            try:
                await self._outbox.publish_remaining(self.group)
            except Unavailable as error:
                # What follows in their keys must not overtake their outputs.
                log.warning("outbox.publish_failed", group=self.group, error=str(error))
                self._nack(known)
            else:
                self._in_flight.delete(known)
        for item in fresh:
            if item.message.publication not in handled:
                self._queues.add(item)
        self._changed.set()

    async def commit(self, batch: Batch) -> None:
        items = self._find_all(batch.acks)
        messages = [item.message for item in items]
        publications = {message.publication for message in messages}

        def take_effect(connection: Connection) -> None:
            entered = inbox.enter(connection, self.group, publications)
            if len(entered) < len(publications):
                raise _HandledElsewhere(publications - entered)
            apply(connection, batch.effects)

        outgoing = self._publisher.place(batch.outputs, nonces_of_outputs(batch.outputs, messages))
        try:
            stored = await self._outbox.store(self.group, outgoing, take_effect)
            await self._publish(stored, outgoing, publications)
        except _HandledElsewhere as error:
            # Before what follows in their keys.
            await self._outbox.publish_remaining(self.group)
            self._drop_handled(batch.acks, items, error.publications)
        except Unavailable:
            for item in items:
                item.commit_in_doubt = True
            raise
        else:
            self._finish(items)

    async def _publish(
        self, stored: str, outgoing: Sequence[Outgoing], publications: Collection[str]
    ) -> None:
        try:
            await self._outbox.publish_stored(stored, outgoing)
        except RequestRejected:

            def undo(connection: Connection) -> None:
                inbox.remove(connection, self.group, publications)
                delete(connection, [stored])

            # What becomes a dead letter in its place writes the same keys again.
            await self._store.write(undo)
            raise

    def _find_all(self, acks: Sequence[Delivery]) -> list[InFlightMessage]:
        """The messages of deliveries.

        Raises:
            AssignmentLost: some are not in flight to this worker any more.
        """
        publications: set[str] = set()
        lost = []
        for item in map(self._find, acks):
            if item is None:
                continue
            # A message that was sent twice counts once.
            if not item.lease_valid or item.message.publication in publications:
                lost.append(item)
            publications.add(item.message.publication)
        if lost:
            self._nack(lost)
        found = [(delivery, self._find(delivery)) for delivery in acks]
        missing = [delivery for delivery, item in found if item is None]
        if missing:
            raise AssignmentLost(missing)
        return [item for _, item in found if item is not None]

    def _drop_handled(
        self,
        acks: Sequence[Delivery],
        items: Sequence[InFlightMessage],
        publications: Collection[str],
    ) -> None:
        """Some messages are in the inbox already: by another worker, or by this batch, when it was
        committed before, and the store went away in that moment or its outputs could not be
        published.

        Raises:
            AssignmentLost: by another worker.
        """
        handled = [item for item in items if item.message.publication in publications]
        self._finish(handled)
        if len(handled) == len(items) and all(item.commit_in_doubt for item in items):
            return
        raise AssignmentLost(
            [
                delivery
                for delivery, item in zip(acks, items, strict=True)
                if item.message.publication in publications
            ]
        )

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._nack([item for item in map(self._find, deliveries) if item is not None])

    def _find(self, delivery: Delivery) -> InFlightMessage | None:
        return self._out.get((delivery.position, delivery.assignment))

    def _finish(self, items: Sequence[InFlightMessage]) -> None:
        """Messages are handled."""
        self._forget(items)
        self._queues.finish(items)
        self._in_flight.delete(items)
        self._changed.set()

    def _nack(self, items: Sequence[InFlightMessage]) -> None:
        """Have messages, and all that follow them in their keys, delivered again."""
        removed = self._queues.remove(items)
        self._forget(removed)
        self._in_flight.nack(removed)
        self._changed.set()

    def _forget(self, items: Sequence[InFlightMessage]) -> None:
        for item in items:
            self._out.pop((item.message.position, item.assignment), None)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        receiving = dict(self._receiving)
        if receiving:
            await asyncio.wait(set(receiving), timeout=min(_CLOSE_SECONDS, self._wait_seconds + 1))
        for task, attempt in receiving.items():
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._receive_abandoned(attempt)
        await self._in_flight.close()
        await self._on_closed(self)

    async def _receive_abandoned(self, attempt: str) -> None:
        """Receive what the answer to an abandoned request had, so that it does not stay hidden."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._in_flight.receive(attempt, wait_seconds=0)
        except (BusUnavailable, TimeoutError, Missing, RequestRejected) as error:
            log.info("sqs.left_hidden", group=self.group, error=str(error))
