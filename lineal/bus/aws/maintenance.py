"""Periodic maintenance: outbox, inbox, abandoned queues and poison messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.calls import Aws
from lineal.bus.aws.event_publisher import EventPublisher
from lineal.bus.aws.names import dead_letter_queue_resource
from lineal.bus.aws.native_dlq import delete_poison, from_native_dlq, receive_poison
from lineal.bus.aws.outbox import Outbox
from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.aws.reading import sweep_readings
from lineal.effects.effect import apply
from lineal.store.connection import Connection, Store

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 60.0

Group = tuple[str, tuple[str, ...]]
"""A group and its topics."""


class Maintenance:
    """Publishes what dead workers left in the outbox, prunes the inbox, deletes the queues of
    readers that died, and makes dead letters of poison messages.

    Args:
        groups: those this process works for now.
    """

    def __init__(
        self,
        aws: Aws,
        store: Store,
        provisioning: Provisioning,
        publisher: EventPublisher,
        outbox: Outbox,
        groups: Callable[[], Iterable[Group]],
    ) -> None:
        self._aws = aws
        self._store = store
        self._provisioning = provisioning
        self._publisher = publisher
        self._outbox = outbox
        self._groups = groups

    async def run(self) -> None:
        """Repeat it until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await self.run_once()

    async def run_once(self) -> None:
        """Do all of it. What fails is left to the next time."""
        self._provisioning.clear_cache()
        await self._try("outbox", self._outbox.publish_remaining)
        await self._try("inbox", self._prune)
        await self._try("readers", self._sweep)
        for group, topics in list(self._groups()):
            while await self._try(group, lambda g=group, t=topics: self._dead_letter(g, t)):  # type: ignore[misc]
                pass

    async def _try(self, what: str, work: Callable[[], Awaitable[int]]) -> int:
        try:
            return await work()
        except Exception as error:
            # The store or AWS is away, or a permission is missing.
            log.warning("aws.maintenance_failed", what=what, error=repr(error))
            return 0

    async def _prune(self) -> int:
        return await self._store.write(inbox.prune)

    async def _sweep(self) -> int:
        return await sweep_readings(self._aws, self._provisioning)

    async def _dead_letter(self, group: str, topics: tuple[str, ...]) -> int:
        """Make dead letters of some poison messages of a group; returns how many."""
        resource = dead_letter_queue_resource(self._provisioning.prefix, group)
        url, messages = await receive_poison(self._aws, resource, topics)
        if not messages:
            return 0
        letters = {message.publication: from_native_dlq(group, message) for message in messages}
        outgoing = self._publisher.place(
            [output for output, _ in letters.values()], [None] * len(letters)
        )

        def take_effect(connection: Connection) -> None:
            # Another worker may have been given the same messages.
            entered = inbox.enter(connection, group, list(letters))
            apply(connection, [letters[publication][1] for publication in sorted(entered)])

        stored = await self._outbox.store(group, outgoing, take_effect)
        await self._outbox.publish_stored(stored, outgoing)
        await delete_poison(self._aws, url, messages)
        return len(messages)
