"""The subscription of a group's worker on the embedded bus: leased partitions and watermarks.

Committing checks in its own transaction that the partition is still held in the same epoch, so a
worker that was thought dead commits nothing. Workers of a group need no leader: each computes the
same fair share from the same rows.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

from lineal.bus.embedded.event_rows import read_events
from lineal.bus.embedded.leases import Claimed, Leases
from lineal.bus.embedded.shares import Shares
from lineal.bus.embedded.topics import Topics
from lineal.bus.protocol import AssignmentLost, Batch, Delivery, OnRevoking, Position
from lineal.effects.effect import apply
from lineal.errors import LinealError
from lineal.fair_share import fair_share, should_read
from lineal.store.database import Database
from lineal.store.sqlite import SqliteConnection
from lineal.watermark import Watermark
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
_LOOKS_PER_LEASE = 4
_REVOKE_BUDGET_SECONDS = 20.0
_member_numbers = itertools.count(1)


class _Owned(NamedTuple):
    epoch: int
    watermark: Watermark


class _Reassigned(LinealError):
    """Partitions have another owner: the transaction is undone."""

    def __init__(self, partitions: Sequence[int]) -> None:
        self.partitions = partitions


class EmbeddedSubscription:
    """See :class:`lineal.bus.protocol.Subscription`."""

    def __init__(
        self,
        database: Database,
        topics: Topics,
        group_id: int,
        group: str,
        partitions: dict[int, tuple[str, int]],
        *,
        lease_seconds: float,
        on_revoking: OnRevoking | None,
        on_closed: Callable[[EmbeddedSubscription], None],
    ) -> None:
        self._database = database
        self._topics = topics
        self._lease_seconds = lease_seconds
        self._on_closed = on_closed
        self._group = group
        self._partitions = partitions
        self._ids = {place: identifier for identifier, place in partitions.items()}
        self._shares = Shares(partitions)
        wakeups = self._database.wakeups
        self._member = f"{wakeups.member}.{next(_member_numbers)}"
        self._leases = Leases(group_id, self._member, wakeups.directory, lease_seconds)
        self._owned: dict[int, _Owned] = {}
        self._revoking: dict[int, float] = {}
        """Partitions to be given up once nothing of them is in flight, and until when at most."""
        self._renewed = 0.0
        self._on_revoking = on_revoking
        self._group_topic = f"group/{group}"
        self._wake = wakeups.waiter({topic for topic, _ in partitions.values()})
        self._members_changed = wakeups.waiter([self._group_topic])
        self._housekeeping: asyncio.Task[None] | None = None
        self._turn = 0
        self._held_back = False
        """Whether the last reading left out a partition that has enough in flight already."""

    async def open(self) -> None:
        await self._look_after_partitions()
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            self._wake.clear()
            batch = self._read(limit)
            if batch:
                return batch
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()
            except TimeoutError:
                return []

    def _read(self, limit: int) -> list[Delivery]:
        batch: list[Delivery] = []
        self._held_back = False
        owned = [pair for pair in self._owned.items() if pair[0] not in self._revoking]
        if not owned:
            return batch
        # Every call begins with the next partition, so that a full one cannot starve the others.
        self._turn = (self._turn + 1) % len(owned)
        order = owned[self._turn :] + owned[: self._turn]
        for left, (identifier, owned_one) in zip(range(len(order), 0, -1), order, strict=True):
            room = limit - len(batch)
            share = max(1, room // left)
            if len(order) > 1:
                in_flight = owned_one.watermark.in_flight
                share = min(share, fair_share(in_flight, room))
                if share < 1 or not should_read(in_flight, limit):
                    self._held_back = True
                    continue
            batch.extend(self._read_partition(identifier, owned_one, share))
            if len(batch) >= limit:
                break
        return batch

    def _read_partition(self, identifier: int, owned: _Owned, limit: int) -> list[Delivery]:
        topic, number = self._partitions[identifier]
        epoch, watermark = owned
        while True:
            rows = read_events(self._database.reader, identifier, watermark.next_offset, limit)
            deliveries = [
                Delivery(Position(topic, number, offset), event, epoch)
                for offset, event in rows
                if watermark.deliver(offset)
            ]
            # Rows that are all done already say nothing about what stands behind them.
            if deliveries or len(rows) < limit:
                return deliveries

    async def commit(self, batch: Batch) -> None:
        topics = await self._topics.ensure(topic for topic, _ in batch.outputs)
        by_partition: dict[int, list[Delivery]] = {}
        lost: list[Delivery] = []
        for delivery in batch.acks:
            identifier = self._ids[delivery.position.topic, delivery.position.partition]
            if self._holds(identifier, delivery):
                by_partition.setdefault(identifier, []).append(delivery)
            else:
                lost.append(delivery)
        if lost:
            raise AssignmentLost(lost)
        epochs = {identifier: self._owned[identifier].epoch for identifier in by_partition}
        offsets = {
            identifier: [delivery.position.offset for delivery in deliveries]
            for identifier, deliveries in by_partition.items()
        }
        marks = {
            identifier: self._owned[identifier].watermark.after(acked)
            for identifier, acked in offsets.items()
        }

        def write(connection: SqliteConnection) -> None:
            reassigned = []
            for identifier, (mark, beyond) in marks.items():
                if not self._leases.advance(connection, identifier, epochs[identifier], mark):
                    reassigned.append(identifier)
                    continue
                self._leases.remember_completed(
                    connection, identifier, mark, [o for o in offsets[identifier] if o in beyond]
                )
            if reassigned:
                raise _Reassigned(reassigned)
            self._topics.append(connection, batch.outputs)
            apply(connection, batch.effects)

        try:
            await self._database.write(write, wake=topics)
        except _Reassigned as error:
            for identifier in error.partitions:
                if self._still_owns(identifier, epochs[identifier]):
                    self._drop(identifier)
            raise AssignmentLost(
                [d for identifier in error.partitions for d in by_partition[identifier]]
            ) from error
        for identifier, acked in offsets.items():
            # While this was written the partition may have been lost and won again.
            if self._still_owns(identifier, epochs[identifier]):
                self._owned[identifier].watermark.complete(acked)
        if self._held_back:
            self._wake.set()
        if self._drained_shares():
            self._members_changed.set()

    def _still_owns(self, identifier: int, epoch: int) -> bool:
        owned = self._owned.get(identifier)
        return owned is not None and owned.epoch == epoch

    def release(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            identifier = self._ids[delivery.position.topic, delivery.position.partition]
            if self._holds(identifier, delivery):
                self._owned[identifier].watermark.release(delivery.position.offset)
        self._wake.set()

    def _holds(self, identifier: int, delivery: Delivery) -> bool:
        owned = self._owned.get(identifier)
        return (
            owned is not None
            and owned.epoch == delivery.assignment
            and owned.watermark.holds(delivery.position.offset)
        )

    async def close(self) -> None:
        if self._housekeeping is None:
            return
        self._housekeeping.cancel()
        await asyncio.gather(self._housekeeping, return_exceptions=True)
        self._housekeeping = None
        owned = {identifier: item.epoch for identifier, item in self._owned.items()}
        self._owned.clear()

        def leave(connection: SqliteConnection) -> None:
            self._leases.give_up(connection, owned)
            self._leases.forget_members(connection, [self._member])

        await self._database.write(leave, wake=[self._group_topic])
        self._database.wakeups.forget(self._wake)
        self._database.wakeups.forget(self._members_changed)
        self._on_closed(self)

    async def _keep_house(self) -> None:
        pause = min(_POLL_SECONDS, self._lease_seconds / _LOOKS_PER_LEASE)
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._members_changed.wait()
            except TimeoutError:
                pass
            self._members_changed.clear()
            try:
                await self._look_after_partitions()
            except Exception as error:
                # A full disk, say. Leases run on; the next look tries again. Whatever it is, a
                # worker that stops looking would silently stop working.
                log.warning("group.housekeeping_failed", group=self._group, error=repr(error))

    async def _look_after_partitions(self) -> None:
        """Detect lost leases, release surplus partitions, claim free ones, renew the others."""
        now = now_us()
        rows = self._leases.rows(self._database.reader, self._partitions)
        for identifier, owned in list(self._owned.items()):
            row = rows.get(identifier)
            if row is None or row.owner != self._member or row.epoch != owned.epoch:
                self._drop(identifier)
        members, gone = self._leases.members(self._database.reader, now)
        most = self._shares.of(self._member, members)
        self._begin_revoking(most)
        leaving = {
            identifier: self._owned[identifier].epoch
            for share in self._drained_shares()
            for identifier in share & self._owned.keys()
        }

        def is_free(identifier: int) -> bool:
            row = rows.get(identifier)
            return row is not None and (
                row.owner is None or row.lease_until < now or row.owner not in members
            )

        claimable = []
        for kind, shares in self._shares.by_kind.items():
            kept = self._keeping(kind)
            free = [share for share in shares if all(map(is_free, share - self._owned.keys()))]
            # What is left of a share that is held in part belongs to it, then as many as are due.
            wanted = [share for share in free if share in kept]
            wanted += [s for s in free if s.isdisjoint(self._owned)][
                : max(0, most[kind] - len(kept))
            ]
            claimable += [rows[i] for share in wanted for i in sorted(share - self._owned.keys())]
        # Done work that was skipped, because an earlier worker had done it, moves the position too.
        advanced = [
            (identifier, owned.epoch, owned.watermark.committable)
            for identifier, owned in self._owned.items()
            if not owned.watermark.in_flight
            and owned.watermark.committable > rows[identifier].position
        ]
        renewing = self._renewed + self._lease_seconds * 1e6 / 3 < now
        if not (leaving or claimable or gone or renewing or advanced):
            return

        def change(connection: SqliteConnection) -> list[Claimed]:
            for identifier, epoch, mark in advanced:
                self._leases.advance(connection, identifier, epoch, mark)
            self._leases.give_up(connection, leaving)
            self._leases.forget_members(connection, gone)
            self._leases.renew(connection, now)
            claims = [self._leases.claim(connection, row, now) for row in claimable]
            return [claimed for claimed in claims if claimed is not None]

        wake = [self._group_topic] if leaving or self._renewed == 0.0 else []
        claimed = await self._database.write(change, wake=wake)
        self._renewed = now
        for identifier, epoch in leaving.items():
            owned_now = self._owned.get(identifier)
            if owned_now is not None and owned_now.epoch == epoch:
                self._drop(identifier)
        for taken in claimed:
            watermark = Watermark(taken.position, taken.completed)
            self._owned[taken.partition_id] = _Owned(taken.epoch, watermark)
        if claimed:
            log.debug("group.claimed", group=self._group, partitions=len(claimed))
            self._wake.set()

    def _keeping(self, kind: str) -> list[frozenset[int]]:
        return [
            share
            for share in self._shares.by_kind[kind]
            if share & self._owned.keys() and not share & self._revoking.keys()
        ]

    def _begin_revoking(self, most: Mapping[str, int]) -> None:
        deadline = asyncio.get_running_loop().time() + _REVOKE_BUDGET_SECONDS
        for kind, count in most.items():
            for share in self._keeping(kind)[count:]:
                for identifier in share & self._owned.keys():
                    self._revoking[identifier] = deadline
                    self._announce_revoking(identifier)

    def _drained_shares(self) -> list[frozenset[int]]:
        """Those to be given up that have nothing in flight any more."""
        if not self._revoking:
            return []
        return [
            share
            for share in self._shares.all
            if share & self._revoking.keys() and all(map(self._drained, share))
        ]

    def _drained(self, identifier: int) -> bool:
        owned = self._owned.get(identifier)
        return (
            owned is None
            or owned.watermark.in_flight == 0
            or self._revoking.get(identifier, math.inf) < asyncio.get_running_loop().time()
        )

    def _announce_revoking(self, identifier: int) -> None:
        if self._on_revoking is not None:
            self._on_revoking([self._partitions[identifier]])

    def _drop(self, identifier: int) -> None:
        if self._owned.pop(identifier, None) is None:
            return
        if self._revoking.pop(identifier, None) is None:
            log.info("group.lost_partition", group=self._group, partition=identifier)
            self._announce_revoking(identifier)
