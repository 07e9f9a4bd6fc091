"""A worker of a group on the embedded bus: which partitions it owns, and how far they are done.

Partitions are owned by lease. Every change of owner raises the partition's epoch, and settling
checks the epoch in its own transaction, so a worker that was thought dead settles nothing. Workers
of a group need no leader: each computes the same fair share from the same rows.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from lineal.bus.embedded.event_rows import read_events
from lineal.bus.protocol import Delivery, Position, Settlement, Start
from lineal.bus.watermark import Watermark
from lineal.store.wakeup import process_alive
from lineal_schemas.envelope import now_us

if TYPE_CHECKING:
    from lineal.bus.embedded.bus import EmbeddedBus

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_LOOKS_PER_LEASE = 4
_LEAST_BATCH = 8
"""A partition that has much in flight is read again when at least 1/8 of the room is its own."""
_REVOKE_BUDGET_SECONDS = 20.0
_member_numbers = itertools.count(1)


class _Owned(NamedTuple):
    epoch: int
    watermark: Watermark


class _Row(NamedTuple):
    partition_id: int
    position: int
    epoch: int
    owner: str | None
    lease_until: int


def join_group(
    connection: sqlite3.Connection, group: str, partitions: Sequence[int], start: Start
) -> int:
    """Make sure that a group has a position in each partition; returns the group's id."""
    connection.execute("INSERT OR IGNORE INTO groups (name) VALUES (?)", (group,))
    (group_id,) = connection.execute("SELECT id FROM groups WHERE name = ?", (group,)).fetchone()
    column = "first_offset" if start == "beginning" else "next_offset"
    connection.executemany(
        "INSERT OR IGNORE INTO group_partitions (group_id, partition_id, position) "
        f"SELECT ?, id, {column} FROM partitions WHERE id = ?",
        [(group_id, identifier) for identifier in partitions],
    )
    return int(group_id)


class EmbeddedSubscription:
    """See :class:`lineal.bus.protocol.Subscription`."""

    def __init__(
        self, bus: EmbeddedBus, group_id: int, group: str, partitions: dict[int, tuple[str, int]]
    ) -> None:
        self._bus = bus
        self._database = bus.database
        self._group_id = group_id
        self._group = group
        self._partitions = partitions
        self._ids = {place: identifier for identifier, place in partitions.items()}
        self._by_topic: dict[str, list[int]] = {}
        for identifier, (topic, _) in partitions.items():
            self._by_topic.setdefault(topic, []).append(identifier)
        self._member = f"{self._database.wakeups.member}.{next(_member_numbers)}"
        self._owned: dict[int, _Owned] = {}
        self._revoking: dict[int, float] = {}
        """Partitions to be given up once nothing of them is in flight, and until when at most."""
        self._renewed = 0.0
        self._callback: Callable[[Collection[tuple[str, int]]], None] | None = None
        topics = {topic for topic, _ in partitions.values()}
        self._group_topic = f"group/{group}"
        self._wake = self._database.wakeups.waiter(topics)
        self._members_changed = self._database.wakeups.waiter([self._group_topic])
        self._housekeeping: asyncio.Task[None] | None = None
        self._turn = 0
        self._held_back = False
        """Whether the last reading left out a partition that has enough in flight already."""

    async def open(self) -> None:
        await self._look_after_partitions()
        self._housekeeping = asyncio.create_task(self._keep_house())

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        self._callback = callback

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
                # No partition may hold more than there is room left for the others: one whose
                # keys are slow would else fill all there is, and hold up every other one.
                fair = (limit - owned_one.watermark.in_flight + 1) // 2
                if fair < max(1, limit // _LEAST_BATCH):
                    self._held_back = True
                    continue
                share = min(share, fair)
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

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        topics = await self._bus.make_output_topics(settlements)
        held: dict[int, list[Settlement]] = {}
        lost: list[Settlement] = []
        for settlement in settlements:
            position = settlement.delivery.position
            identifier = self._ids[position.topic, position.partition]
            if self._holds(identifier, settlement.delivery):
                held.setdefault(identifier, []).append(settlement)
            else:
                lost.append(settlement)
        epochs = {identifier: self._owned[identifier].epoch for identifier in held}
        marks = {
            identifier: self._owned[identifier].watermark.after(
                s.delivery.position.offset for s in items
            )
            for identifier, items in held.items()
        }

        def apply(connection: sqlite3.Connection) -> set[int]:
            foreign = set()
            valid: list[Settlement] = []
            for identifier, items in held.items():
                mark, beyond = marks[identifier]
                changed = connection.execute(
                    "UPDATE group_partitions SET position = ? "
                    "WHERE group_id = ? AND partition_id = ? AND epoch = ? AND owner = ?",
                    (mark, self._group_id, identifier, epochs[identifier], self._member),
                ).rowcount
                if not changed:
                    foreign.add(identifier)
                    continue
                self._remember_beyond(connection, identifier, mark, beyond, items)
                valid.extend(items)
            self._bus.apply(connection, valid)
            return foreign

        if held:
            foreign = await self._database.write(apply, wake=topics)
            for identifier, items in held.items():
                owned = self._owned.get(identifier)
                # While this was written the partition may have been lost and won again.
                same = owned is not None and owned.epoch == epochs[identifier]
                if identifier in foreign:
                    lost.extend(items)
                    if same:
                        self._drop(identifier)
                elif owned is not None and same:
                    owned.watermark.settle(s.delivery.position.offset for s in items)
            if self._held_back:
                self._wake.set()
            if self._revoking and any(self._drained(identifier) for identifier in self._revoking):
                self._members_changed.set()
        return lost

    def _remember_beyond(
        self,
        connection: sqlite3.Connection,
        identifier: int,
        mark: int,
        beyond: set[int],
        items: Sequence[Settlement],
    ) -> None:
        connection.execute(
            "DELETE FROM group_completed WHERE group_id = ? AND partition_id = ? AND offset < ?",
            (self._group_id, identifier, mark),
        )
        if beyond:
            connection.executemany(
                "INSERT OR IGNORE INTO group_completed VALUES (?, ?, ?)",
                [
                    (self._group_id, identifier, s.delivery.position.offset)
                    for s in items
                    if s.delivery.position.offset in beyond
                ],
            )

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
            and owned.epoch == delivery.generation
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

        def leave(connection: sqlite3.Connection) -> None:
            self._give_up(connection, owned)
            connection.execute(
                "DELETE FROM group_members WHERE group_id = ? AND member = ?",
                (self._group_id, self._member),
            )

        await self._database.write(leave, wake=[self._group_topic])
        self._database.wakeups.forget(self._wake)
        self._database.wakeups.forget(self._members_changed)
        self._bus.left(self)

    async def _keep_house(self) -> None:
        pause = min(_LOOK_SECONDS, self._bus.lease_seconds / _LOOKS_PER_LEASE)
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
        """Notice what was lost, give up what is too much, claim what is free, renew the rest."""
        now = now_us()
        rows = self._read_rows()
        for identifier, owned in list(self._owned.items()):
            row = rows.get(identifier)
            if row is None or row.owner != self._member or row.epoch != owned.epoch:
                self._drop(identifier)
        members, gone = self._read_members(now)
        shares = self._fair_shares(members)
        self._begin_revoking(shares)
        leaving = {
            identifier: self._owned[identifier].epoch
            for identifier in self._revoking
            if self._drained(identifier)
        }
        claims = []
        for topic, identifiers in self._by_topic.items():
            free = [
                row.partition_id
                for row in map(rows.get, identifiers)
                if row is not None
                and row.partition_id not in self._owned
                and (row.owner is None or row.lease_until < now or row.owner not in members)
            ]
            claims += free[: max(0, shares[topic] - len(self._keeping(topic)))]
        # Done work that was skipped, because an earlier worker had done it, moves the position too.
        advanced = [
            (owned.watermark.committable, identifier, owned.epoch)
            for identifier, owned in self._owned.items()
            if not owned.watermark.in_flight
            and owned.watermark.committable > rows[identifier].position
        ]
        renewing = self._renewed + self._bus.lease_seconds * 1e6 / 3 < now
        if not (leaving or claims or gone or renewing or advanced):
            return

        def change(connection: sqlite3.Connection) -> list[tuple[int, int, int, list[int]]]:
            connection.executemany(
                "UPDATE group_partitions SET position = max(position, ?) "
                "WHERE partition_id = ? AND epoch = ? AND group_id = ? AND owner = ?",
                [(*row, self._group_id, self._member) for row in advanced],
            )
            self._give_up(connection, leaving)
            connection.executemany(
                "DELETE FROM group_members WHERE group_id = ? AND member = ?",
                [(self._group_id, member) for member in gone],
            )
            self._renew(connection, now)
            return [
                claimed
                for identifier in claims
                if (claimed := self._claim(connection, identifier, rows[identifier], now))
            ]

        wake = [self._group_topic] if leaving or self._renewed == 0.0 else []
        claimed = await self._database.write(change, wake=wake)
        self._renewed = now
        for identifier, epoch in leaving.items():
            owned_now = self._owned.get(identifier)
            if owned_now is not None and owned_now.epoch == epoch:
                self._drop(identifier)
        for identifier, epoch, position, completed in claimed:
            self._owned[identifier] = _Owned(epoch, Watermark(position, completed))
        if claimed:
            log.debug("group.claimed", group=self._group, partitions=len(claimed))
            self._wake.set()

    def _read_rows(self) -> dict[int, _Row]:
        rows = self._database.reader.execute(
            "SELECT partition_id, position, epoch, owner, lease_until FROM group_partitions "
            "WHERE group_id = ?",
            (self._group_id,),
        )
        return {row[0]: _Row._make(row) for row in rows if row[0] in self._partitions}

    def _read_members(self, now: int) -> tuple[set[str], set[str]]:
        """The members that are alive, this one included, and those that are gone."""
        alive, gone = {self._member}, set()
        oldest = now - int(self._bus.lease_seconds * 1_000_000)
        rows = self._database.reader.execute(
            "SELECT member, seen FROM group_members WHERE group_id = ?", (self._group_id,)
        )
        for member, seen in rows:
            if member == self._member:
                continue
            process = member.rpartition(".")[0]
            if seen >= oldest and process_alive(self._database.wakeups.directory, process):
                alive.add(member)
            else:
                gone.add(member)
        return alive, gone

    def _fair_shares(self, members: set[str]) -> dict[str, int]:
        """How many partitions of each topic are this worker's part.

        By topic, since topics are not equally busy: a worker that had all of a quiet one and none
        of a busy one would have nothing to do.
        """
        place = sorted(members).index(self._member)
        shares = {}
        for index, (topic, partitions) in enumerate(sorted(self._by_topic.items())):
            each, extra = divmod(len(partitions), len(members))
            shares[topic] = each + ((place + index) % len(members) < extra)
        return shares

    def _keeping(self, topic: str) -> list[int]:
        return [
            identifier
            for identifier in self._by_topic[topic]
            if identifier in self._owned and identifier not in self._revoking
        ]

    def _begin_revoking(self, shares: dict[str, int]) -> None:
        for topic, share in shares.items():
            for identifier in self._keeping(topic)[share:]:
                self._revoking[identifier] = (
                    asyncio.get_running_loop().time() + _REVOKE_BUDGET_SECONDS
                )
                self._tell_revoked(identifier)

    def _drained(self, identifier: int) -> bool:
        owned = self._owned.get(identifier)
        return (
            owned is None
            or owned.watermark.in_flight == 0
            or self._revoking[identifier] < asyncio.get_running_loop().time()
        )

    def _tell_revoked(self, identifier: int) -> None:
        if self._callback is not None:
            self._callback([self._partitions[identifier]])

    def _drop(self, identifier: int) -> None:
        if self._owned.pop(identifier, None) is None:
            return
        if self._revoking.pop(identifier, None) is None:
            log.info("group.lost_partition", group=self._group, partition=identifier)
            self._tell_revoked(identifier)

    def _give_up(self, connection: sqlite3.Connection, owned: dict[int, int]) -> None:
        connection.executemany(
            "UPDATE group_partitions SET owner = NULL, epoch = epoch + 1 "
            "WHERE group_id = ? AND partition_id = ? AND owner = ? AND epoch = ?",
            [
                (self._group_id, identifier, self._member, epoch)
                for identifier, epoch in owned.items()
            ],
        )

    def _renew(self, connection: sqlite3.Connection, now: int) -> None:
        connection.execute(
            "INSERT INTO group_members VALUES (?, ?, ?) "
            "ON CONFLICT (group_id, member) DO UPDATE SET seen = excluded.seen",
            (self._group_id, self._member, now),
        )
        connection.execute(
            "UPDATE group_partitions SET lease_until = ? WHERE group_id = ? AND owner = ?",
            (now + int(self._bus.lease_seconds * 1_000_000), self._group_id, self._member),
        )

    def _claim(
        self, connection: sqlite3.Connection, identifier: int, seen: _Row, now: int
    ) -> tuple[int, int, int, list[int]] | None:
        """Take a partition, unless another worker was faster: then its epoch has moved on."""
        row = connection.execute(
            "UPDATE group_partitions SET owner = ?, epoch = epoch + 1, lease_until = ? "
            "WHERE group_id = ? AND partition_id = ? AND epoch = ? RETURNING epoch, position",
            (
                self._member,
                now + int(self._bus.lease_seconds * 1_000_000),
                self._group_id,
                identifier,
                seen.epoch,
            ),
        ).fetchone()
        if row is None:
            return None
        completed = connection.execute(
            "SELECT offset FROM group_completed WHERE group_id = ? AND partition_id = ?",
            (self._group_id, identifier),
        )
        return identifier, row[0], row[1], [offset for (offset,) in completed]
