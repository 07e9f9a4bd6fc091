"""Committers: make acks, outputs and effects durable, in one transaction or store first.

Two ways, by what the bus can do:

- :class:`TransactionCommitter`: the bus applies the effects itself when it commits, in the
  transaction of the positions (embedded) or in that of its inbox (SNS/SQS).
- :class:`StoreFirstCommitter`: bus and store share no transaction (Kafka). What another step could
  read (state, objects, fan-in parts) is applied to the store first, which is idempotent by event
  and key; the rest travels within the bus's transaction and is applied by the group that follows
  the lineage topic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from lineal.bus.protocol import (
    Addressed,
    AssignmentCheck,
    Batch,
    Bus,
    Delivery,
    FencingBus,
    Position,
    PublishFenced,
    Subscription,
)
from lineal.effects.effect import Effect, apply
from lineal.effects.event_key import occurrence_key
from lineal.effects.state import keep_found
from lineal.store.connection import Store

Commit: TypeAlias = Callable[[Batch], Awaitable[None]]
"""Commits what a worker of a group has done; all of it or nothing.

Raises:
    As :meth:`lineal.bus.protocol.Subscription.commit`.
    StateConflict: another event has changed what a step of the batch had read.
"""


class Committer(Protocol):
    """Makes batches durable on one bus and store."""

    def commit_of(self, subscription: Subscription) -> Commit:
        """What commits the batches of a subscription."""
        ...

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        """Publish what was not caused by a delivery, together with its effects.

        Raises:
            As :meth:`lineal.bus.protocol.Bus.publish`.
        """
        ...


class FencingCommitter(Committer, Protocol):
    """A committer for work that one process at a time may do."""

    async def fenced(self, name: str) -> PublishFenced:
        """What publishes for the one process that has a name. Who has it is for an effect to check
        that fails for everybody else; where that check and the bus share no transaction, who had
        the name before is fenced on the bus.

        Raises:
            As :meth:`lineal.bus.protocol.FencingBus.fenced`.
        """
        ...


class TransactionCommitter:
    """The bus applies effects as it commits."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def commit_of(self, subscription: Subscription) -> Commit:
        return subscription.commit

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        return await self._bus.publish(outputs, effects)

    async def fenced(self, name: str) -> PublishFenced:
        async def publish(outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
            await self._bus.publish(outputs, effects)

        return publish


class StoreFirstCommitter:
    """The store first, then the bus."""

    def __init__(self, bus: Bus, store: Store) -> None:
        self._bus = bus
        self._store = store
        self.published_effects = False
        """Whether committed effects are still on the lineage topic, and perhaps no follower
        runs."""

    def commit_of(self, subscription: Subscription) -> Commit:
        check = subscription if isinstance(subscription, AssignmentCheck) else None
        return partial(self._commit, subscription, check)

    async def _commit(
        self, subscription: Subscription, check: AssignmentCheck | None, batch: Batch
    ) -> None:
        if check is not None:
            check.check_assigned(batch.acks)
        effects = keep_found(batch.effects, _events_of_keys(batch.acks))
        later = await self._apply_read_by_others(effects)
        await subscription.commit(batch._replace(effects=later))

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        later = await self._apply_read_by_others(effects)
        self.published_effects |= bool(later)
        return await self._bus.publish(outputs, later)

    async def fenced(self, name: str) -> PublishFenced:
        if not isinstance(self._bus, FencingBus):
            raise TypeError(f"{type(self._bus).__name__} fences nobody")
        publish_fenced = await self._bus.fenced(name)

        async def publish(outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
            later = await self._apply_read_by_others(effects)
            self.published_effects |= bool(later)
            await publish_fenced(outputs, later)

        return publish

    async def _apply_read_by_others(self, effects: Sequence[Effect]) -> list[Effect]:
        """Apply what others could read; returns the rest."""
        first = [effect for effect in effects if effect.read_by_others]
        if first:
            await self._store.write(lambda connection: apply(connection, first))
        return [effect for effect in effects if not effect.read_by_others]


def _events_of_keys(deliveries: Sequence[Delivery]) -> Iterable[Sequence[tuple[str, str]]]:
    """Keys and positions of the events of each partition key and partition, in their order."""
    events: dict[tuple[str, int, str], list[tuple[str, str]]] = {}
    for delivery in deliveries:
        topic, partition, _ = delivery.position
        event = delivery.event
        events.setdefault((topic, partition, event.partitionkey), []).append(
            (occurrence_key(event), delivery.position.text)
        )
    return events.values()


def committer_of(bus: Bus, store: Store) -> FencingCommitter:
    """The committer that a bus and a store need."""
    if bus.capabilities.applies_effects:
        return TransactionCommitter(bus)
    return StoreFirstCommitter(bus, store)
