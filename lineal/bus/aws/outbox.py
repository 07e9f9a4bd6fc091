"""Outputs that are committed to the store and may still have to be published.

SNS and the store share no transaction. The transaction that has the effects of a handling and the
fact that it was handled has its outputs too, as rows of the outbox; then they are published; then
the rows are deleted. Whatever ends a worker in between, the rows say what is left to publish, under
the same ids: a worker of the group publishes it when it starts, before it deletes a message that it
finds handled already, or in the sweep that comes every minute.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import structlog

from lineal.bus.aws import inbox
from lineal.bus.aws.calls import RequestRejected
from lineal.bus.aws.event_publisher import EventPublisher, Outgoing
from lineal.bus.aws.nonces import Nonce
from lineal.bus.protocol import Addressed, Position
from lineal.effects.effect import Effect, apply
from lineal.errors import StoreUnavailable
from lineal.store.connection import Connection, Store
from lineal.store.rows import insert_rows
from lineal_schemas.envelope import from_json, now_us

log = structlog.get_logger(__name__)

WITHOUT_GROUP = ""
"""The group of what no delivery led to."""
_ABANDONED_US = 60 * 1_000_000
"""Rows that are older were left behind by another worker: publishing ten events takes
milliseconds."""
_MAX_REMEMBERED = 1_000
"""Failed publications of this process, by which a second attempt is recognised."""


class _Left(NamedTuple):
    """What is stored and was not published, by this process."""

    outputs: Sequence[Addressed]
    effects: Sequence[Effect]
    batch: str
    outgoing: Sequence[Outgoing]


class Outbox:
    """Stores effects and outputs together, then publishes the outputs."""

    def __init__(self, store: Store, publisher: EventPublisher) -> None:
        self._store = store
        self._publisher = publisher
        self._left: deque[_Left] = deque(maxlen=_MAX_REMEMBERED)
        self._published: set[str] = set()
        """Batches whose rows are to be deleted."""
        self._clearing: asyncio.Task[None] | None = None

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect], nonces: Sequence[Nonce]
    ) -> list[Position]:
        """Publish outputs that belong to no delivery, with effects, which are stored first.

        Raises:
            BusUnavailable: it is stored, and not all published. The very same again goes on from
                there; and so does the sweep.
            StoreUnavailable: nothing is published.
        """
        left = next((item for item in self._left if item[:2] == (outputs, effects)), None)
        if left is None:
            outgoing = self._publisher.place(outputs, nonces)
            batch = await self.store(WITHOUT_GROUP, outgoing, partial(_apply, effects=effects))
            left = _Left(outputs, effects, batch, outgoing)
            self._left.append(left)
        await self.publish_stored(left.batch, left.outgoing)
        if left in self._left:
            self._left.remove(left)
        return [item.position for item in left.outgoing]

    async def store(
        self, group: str, outgoing: Sequence[Outgoing], take_effect: Callable[[Connection], None]
    ) -> str:
        """Enter outputs in the transaction of their effects; returns the name of their batch.

        Raises:
            StoreUnavailable: it may have taken effect or not.
            Exception: whatever ``take_effect`` raised; nothing took effect.
        """
        batch = uuid4().hex

        def write(connection: Connection) -> None:
            take_effect(connection)
            _enter(connection, group, batch, outgoing)
            inbox.put_dead_letters(connection, [(item.position, item.event) for item in outgoing])

        await self._store.write(write)
        return batch

    async def publish_stored(self, batch: str, outgoing: Sequence[Outgoing]) -> None:
        """Publish the outputs of a batch, and have their rows deleted soon.

        Raises:
            RequestRejected: one can never be published.
            BusUnavailable: some may have been published.
        """
        if outgoing:
            await self._publisher.publish(outgoing)
            self._clear(batch)

    async def publish_remaining(self, group: str | None = None) -> int:
        """Publish what was left of a group; of all groups only what was abandoned. Returns how
        many events.

        Rows that another worker is publishing just now may be published by both: with the same
        deduplication ids, by which SNS drops the second.

        Raises:
            BusUnavailable, StoreUnavailable: some may have been published.
        """
        before = None if group is not None else now_us() - _ABANDONED_US
        batches = await self._store.read(partial(_stored, group=group, before=before))
        published = 0
        for batch, outgoing in batches.items():
            if batch in self._published:
                continue
            try:
                await self.publish_stored(batch, outgoing)
            except RequestRejected as error:
                log.error("outbox.rejected", batch=batch, error=str(error))
                continue
            published += len(outgoing)
        if published:
            log.info("outbox.published_left", group=group, events=published)
        return published

    async def close(self) -> None:
        """Wait until the rows of what was published are deleted."""
        if self._clearing is not None:
            await asyncio.gather(self._clearing, return_exceptions=True)

    def _clear(self, batch: str) -> None:
        self._published.add(batch)
        if self._clearing is None or self._clearing.done():
            self._clearing = asyncio.create_task(self._delete_rows(), name="outbox")

    async def _delete_rows(self) -> None:
        while batches := sorted(self._published):
            try:
                await self._store.write(partial(delete, batches=batches))
            except StoreUnavailable as error:
                # Left to the sweep, which publishes them again, under the same ids.
                log.warning("outbox.not_cleared", batches=len(batches), error=str(error))
            self._published.difference_update(batches)


def delete(connection: Connection, batches: Sequence[str]) -> None:
    """Delete the rows of batches."""
    connection.executemany("DELETE FROM outbox WHERE batch = ?", [(name,) for name in batches])


def _apply(connection: Connection, effects: Sequence[Effect]) -> None:
    apply(connection, effects)


def _enter(connection: Connection, group: str, batch: str, outgoing: Sequence[Outgoing]) -> None:
    now = now_us()
    insert_rows(
        connection,
        "INSERT INTO outbox (batch, group_name, at, topic, key_number, published, nonce, event)",
        [
            (batch, group, now, *item.position, item.nonce, item.event.to_json(exact=True))
            for item in outgoing
        ],
    )


def _stored(
    connection: Connection, group: str | None, before: int | None
) -> dict[str, list[Outgoing]]:
    """Outputs by their batches, in the order in which these were stored."""
    chosen, value = ("at < ?", before) if group is None else ("group_name = ?", group)
    rows = connection.execute(
        "SELECT batch, topic, key_number, published, nonce, event FROM outbox "
        f"WHERE {chosen} ORDER BY at, published",
        (value,),
    )
    batches: dict[str, list[Outgoing]] = {}
    for batch, topic, number, published, nonce, event in rows:
        position = Position(topic, number, published)
        batches.setdefault(batch, []).append(Outgoing(position, from_json(bytes(event)), nonce))
    return batches
