"""A worker of a group: reads its partitions, hands out events, settles what is done.

Invariant: what a holding's watermark has not passed is in flight, or will be read (again).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from lineal.bus.kafka.committed import commit_offsets, committed_offsets
from lineal.bus.kafka.completed import decode, encode
from lineal.bus.kafka.connection import EARLIEST, LATEST, Connection, unavailable
from lineal.bus.kafka.errors import InDoubt, NotAMember
from lineal.bus.kafka.membership import Member
from lineal.bus.kafka.messages import read_event
from lineal.bus.kafka.settling import Settling
from lineal.bus.protocol import BusUnavailable, Delivery, Position, Settlement
from lineal.bus.watermark import Watermark

log = structlog.get_logger(__name__)

_LEAST_BATCH = 8
"""A partition that has much in flight is read again when at least 1/8 of the room is its own."""
_HOUSEKEEPING_SECONDS = 0.1
_IDLE_LOOK_SECONDS = 0.1
"""How often an idle reader takes note of holes it has passed, so that its group shows no lag."""
_PAUSE_SECONDS = 0.2
_SECONDS = 15.0
_NO_TRANSACTION = "-"
_generations = itertools.count(1)


class _Holding:
    """A partition that is ours."""

    __slots__ = (
        "committed",
        "generation",
        "gives_up_at",
        "place",
        "rewinds",
        "topic",
        "watermark",
    )  # fmt: skip

    def __init__(
        self, place: TopicPartition, topic: str, position: int, completed: Collection[int]
    ) -> None:
        self.place = place
        self.topic = topic
        self.generation = next(_generations)
        self.watermark = Watermark(position, completed)
        self.committed = position
        self.gives_up_at: float | None = None
        """Asked back: nothing more is read, and it is let go of when nothing is in flight, or at
        this time."""
        self.rewinds = 0
        """How often reading went back. What was read before does not count."""


class KafkaSubscription:
    """See :class:`lineal.bus.protocol.Subscription`.

    Args:
        topics: lineal's names by Kafka's.
        first: where to begin in partitions the group has no position in; None for the beginning.
        budget_seconds: how long begun work may go on in a partition that was asked back.
    """

    def __init__(
        self,
        connection: Connection,
        settling: Settling,
        group: str,
        topics: Mapping[str, str],
        first: Mapping[TopicPartition, int] | None,
        *,
        budget_seconds: float,
        on_closed: Callable[[KafkaSubscription], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._settling = settling
        self._group = group
        self._kafka_names = {lineal: kafka for kafka, lineal in topics.items()}
        self._topics = topics
        self._first = first
        self._budget_seconds = budget_seconds
        self._on_closed = on_closed
        self._consumer = AIOKafkaConsumer(
            group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            isolation_level="read_committed", fetch_max_wait_ms=250,
            fetch_max_bytes=16 * 1024 * 1024, check_crcs=False,
            **connection.cluster.client_arguments(),
        )  # fmt: skip
        self._member: Member | None = None
        self._held: dict[TopicPartition, _Holding] = {}
        self._taking: dict[TopicPartition, int] = {}
        """Ours, with a position yet to be found out; by the number of the task that does."""
        self._takings: set[asyncio.Task[None]] = set()
        self._callback: Callable[[Collection[tuple[str, int]]], None] | None = None
        self._changed = asyncio.Event()
        """Something may be read now that was not to be before."""
        self._turn = 0
        self._stash: Mapping[TopicPartition, Sequence[Any]] = {}
        self._settling_now = asyncio.Lock()
        self._doubted: list[Settlement] = []
        self._effective: list[Settlement] = []
        self._housekeeping: asyncio.Task[None] | None = None

    async def open(self, member: Member) -> None:
        """Join the group and find out where to begin.

        Raises:
            BusUnavailable
        """
        self._member = member
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise unavailable(error) from error
        await member.open()
        while self._takings:
            await asyncio.wait(self._takings)
        self._housekeeping = asyncio.create_task(self._keep_house())

    @property
    def problem(self) -> str | None:
        if self._member is not None and self._member.problem is not None:
            return self._member.problem
        if self._housekeeping is not None and self._housekeeping.done():
            return f"the worker of group {self._group} has ended"
        return None

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        self._callback = callback

    async def close(self) -> None:
        if self._member is None:
            return
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        for taking in self._takings:
            taking.cancel()
        with contextlib.suppress(BusUnavailable):
            await self._commit_passed()
        self._held.clear()
        member, self._member = self._member, None
        await member.close()
        await self._consumer.stop()
        await self._on_closed(self)

    # What the group says; see membership.Holder.

    def given(self, partitions: Collection[TopicPartition]) -> None:
        number = next(_generations)
        self._taking.update(dict.fromkeys(partitions, number))
        task = asyncio.create_task(self._take(number))
        self._takings.add(task)
        task.add_done_callback(self._takings.discard)

    def asked_back(self, partitions: Collection[TopicPartition]) -> None:
        gives_up_at = asyncio.get_running_loop().time() + self._budget_seconds
        begun = []
        for place in partitions:
            if place in self._held:
                self._held[place].gives_up_at = gives_up_at
                begun.append(place)
        self._tell_revoked(begun)
        self._let_go([place for place in partitions if place not in self._held])

    def kept(self, partitions: Collection[TopicPartition]) -> None:
        for place in partitions:
            if place in self._held:
                self._held[place].gives_up_at = None
        self._changed.set()

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        self._forget_taking(partitions)
        gone = [place for place in partitions if self._held.pop(place, None) is not None]
        if gone:
            log.info("group.lost_partitions", group=self._group, partitions=len(gone))
            self._assign()
            self._tell_revoked(gone)

    def _tell_revoked(self, places: Collection[TopicPartition]) -> None:
        if places and self._callback is not None:
            self._callback([(self._topics[p.topic], p.partition) for p in places])

    def _let_go(self, places: Collection[TopicPartition]) -> None:
        if not places:
            return
        self._forget_taking(places)
        if [place for place in places if self._held.pop(place, None) is not None]:
            self._assign()
        if self._member is not None:
            self._member.let_go(places)

    def _forget_taking(self, places: Collection[TopicPartition]) -> None:
        for place in places:
            self._taking.pop(place, None)

    def _still_taking(self, number: int) -> list[TopicPartition]:
        return [place for place, task in self._taking.items() if task == number]

    async def _take(self, number: int) -> None:
        begins: dict[TopicPartition, tuple[int, set[int], int]] = {}
        while places := self._still_taking(number):
            try:
                begins = await self._positions(places)
                break
            except BusUnavailable as error:
                log.warning("group.cannot_find_positions", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
        if not (places := self._still_taking(number)):
            return
        for place in places:
            del self._taking[place]
            position, completed, committed = begins[place]
            holding = _Holding(place, self._topics[place.topic], position, completed)
            holding.committed = committed
            self._held[place] = holding
        self._assign()
        # A group shows its lag from the moment on at which it reads a topic.
        with contextlib.suppress(BusUnavailable):
            await self._commit_passed()

    async def _positions(
        self, places: Collection[TopicPartition]
    ) -> dict[TopicPartition, tuple[int, set[int], int]]:
        """Where to begin, what beyond is done, and what is committed."""
        connection = self._connection
        committed = await committed_offsets(connection, self._group, places, seconds=_SECONDS)
        earliest = await connection.offsets(places, EARLIEST)
        latest = await connection.offsets(places, LATEST)
        begins = {}
        for place in places:
            if place not in committed:
                begin = earliest[place]
                if self._first is not None:
                    begin = max(begin, self._first.get(place, begin))
                begins[place] = begin, set[int](), -1
                continue
            position, metadata = committed[place]
            completed, _ = decode(position, metadata)
            if not earliest[place] <= position <= latest[place]:
                log.warning(
                    "group.position_is_gone", group=self._group, topic=place.topic,
                    partition=place.partition, position=position, first=earliest[place],
                )  # fmt: skip
                position = earliest[place]
                completed = {offset for offset in completed if position <= offset < latest[place]}
            begins[place] = position, completed, position
        return begins

    def _assign(self) -> None:
        """Read what is ours."""
        self._consumer.assign(list(self._held))
        for holding in self._held.values():
            self._rewind(holding)
        self._changed.set()

    def _rewind(self, holding: _Holding) -> None:
        self._consumer.seek(holding.place, holding.watermark.next_offset)
        holding.rewinds += 1

    # Reading.

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            self._changed.clear()
            stashed, self._stash = self._stash, {}
            batch = self._deliver(stashed)
            await self._pass_holes()
            batch += await self._read(limit - len(batch))
            if batch:
                return batch
            left = deadline - loop.time()
            if left <= 0:
                return batch
            self._stash = await self._until_records(limit, min(left, _IDLE_LOOK_SECONDS))

    def _readable(self, limit: int) -> list[tuple[_Holding, int]]:
        """What may be read, and how much of each at most."""
        ours = [holding for holding in self._held.values() if holding.gives_up_at is None]
        if len(ours) < 2:
            return [(holding, limit) for holding in ours]
        # Every call begins with the next partition, so that a full one cannot starve the others.
        self._turn = (self._turn + 1) % len(ours)
        readable = []
        for holding in ours[self._turn :] + ours[: self._turn]:
            # No partition may hold more than there is room left for the others: one whose keys are
            # slow would else fill all there is, and hold up every other one.
            fair = (limit - holding.watermark.in_flight + 1) // 2
            if fair >= max(1, limit // _LEAST_BATCH):
                readable.append((holding, fair))
        return readable

    async def _read(self, limit: int) -> list[Delivery]:
        batch: list[Delivery] = []
        readable = self._readable(limit)
        for left, (holding, most) in zip(range(len(readable), 0, -1), readable, strict=True):
            room = limit - len(batch)
            if room <= 0:
                break
            share = min(most, max(1, room // left))
            # Records that are all done already say nothing about what stands behind them.
            while self._held.get(holding.place) is holding:
                found = await self._records((holding.place,), 0.0, share)
                batch += (new := self._deliver(found))
                if new or not found:
                    break
        return batch

    async def _until_records(
        self, limit: int, seconds: float
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """The first record that comes, unless something else changes."""
        places = tuple(holding.place for holding, _ in self._readable(limit))
        changed = asyncio.create_task(self._changed.wait())
        if not places:
            await asyncio.wait((changed,), timeout=seconds)
            changed.cancel()
            return {}
        rewinds = {place: self._held[place].rewinds for place in places}
        reading = asyncio.create_task(self._records(places, seconds, 1))
        try:
            await asyncio.wait((reading, changed), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        except asyncio.CancelledError:
            if reading.done() and not reading.cancelled() and reading.exception() is None:
                self._stash = self._valid(reading.result(), rewinds)
            raise
        finally:
            reading.cancel()
            changed.cancel()
        if reading.cancelled():
            return {}
        return self._valid(reading.result(), rewinds)

    def _valid(
        self, found: Mapping[TopicPartition, Sequence[Any]], rewinds: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """Without what was read before its partition's reading went back (or was lost)."""
        valid = {}
        for place, records in found.items():
            holding = self._held.get(place)
            if holding is not None and holding.rewinds == rewinds[place]:
                valid[place] = records
        return valid

    async def _records(
        self, places: tuple[TopicPartition, ...], seconds: float, most: int
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            found: Mapping[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
                *places, timeout_ms=round(seconds * 1000), max_records=most
            )
            return found
        except OffsetOutOfRangeError as error:
            (out,) = error.args
            await self._go_where_there_is_something(out)
            return {}
        except KafkaError as error:
            raise unavailable(error) from error

    async def _go_where_there_is_something(self, places: Collection[TopicPartition]) -> None:
        """What we were to read is expired."""
        earliest = await self._connection.offsets(places, EARLIEST)
        for place in places:
            holding = self._held.get(place)
            if holding is not None:
                log.warning(
                    "group.events_have_expired", group=self._group, topic=holding.topic,
                    partition=place.partition, position=holding.watermark.next_offset,
                    first=earliest[place],
                )  # fmt: skip
                holding.watermark.pass_by(earliest[place])
                self._rewind(holding)

    def _deliver(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Delivery]:
        batch: list[Delivery] = []
        for place, records in found.items():
            holding = self._held.get(place)
            if holding is None:
                continue
            topic, partition, generation = holding.topic, place.partition, holding.generation
            watermark = holding.watermark
            for record in records:
                offset = record.offset
                if offset >= watermark.next_offset and watermark.deliver(offset):
                    event = read_event(
                        topic, partition, offset, record.key, record.value, record.headers,
                        record.timestamp,
                    )  # fmt: skip
                    batch.append(Delivery(Position(topic, partition, offset), event, generation))
        return batch

    async def _pass_holes(self) -> None:
        """Take note of how far reading has come where no events stand: markers of transactions,
        aborted events, compacted ones."""
        for place, holding in self._held.items():
            # Does not wait: a held partition has a position.
            position = await self._consumer.position(place)
            if position > holding.watermark.next_offset:
                holding.watermark.pass_by(position)

    # Settling.

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        assert self._member is not None
        async with self._settling_now:
            await self._clear_doubt()
            done = {id(settlement) for settlement in self._effective}
            rest = [s for s in settlements if id(s) not in done]
            self._effective = []
            if not rest:
                return []
            await self._settling.write_before([s for s in rest if self._holding_of(s.delivery)])
            while True:
                held = [s for s in rest if self._holding_of(s.delivery)]
                if not held:
                    return rest
                # At one and the same moment: what is lost from here on the group will refuse.
                membership = self._member.membership
                marks = self._marks(held)
                try:
                    await self._settling.commit(held, membership, partial(_described, marks))
                except NotAMember:
                    # Dealt out anew: what of it is still ours is committed as the member we are
                    # then.
                    await self._member.until_changed(membership, _SECONDS)
                    continue
                except InDoubt:
                    self._doubted = held
                    raise
                break
            self._apply(held)
        await self._settling.write_after(held)
        kept = {id(settlement) for settlement in held}
        return [s for s in rest if id(s) not in kept]

    async def _clear_doubt(self) -> None:
        if self._doubted:
            if await self._settling.took_effect():
                self._apply(self._doubted)
                self._effective = self._doubted
                await self._settling.write_after(self._doubted)
            self._doubted = []

    def _marks(
        self, settlements: Sequence[Settlement]
    ) -> dict[TopicPartition, tuple[int, set[int]]]:
        """How far everything is done, and what beyond, once these are settled."""
        return {
            holding.place: holding.watermark.after(offsets)
            for holding, offsets in self._by_holding(settlements)
        }

    def _by_holding(
        self, settlements: Sequence[Settlement]
    ) -> Collection[tuple[_Holding, list[int]]]:
        found: dict[TopicPartition, tuple[_Holding, list[int]]] = {}
        for settlement in settlements:
            holding = self._holding_of(settlement.delivery)
            if holding is not None:
                _, offsets = found.setdefault(holding.place, (holding, []))
                offsets.append(settlement.delivery.position.offset)
        return found.values()

    def _apply(self, settlements: Sequence[Settlement]) -> None:
        for holding, offsets in self._by_holding(settlements):
            holding.watermark.settle(offsets)
            holding.committed = max(holding.committed, holding.watermark.committable)
        self._changed.set()

    def release(self, deliveries: Sequence[Delivery]) -> None:
        rewound = {}
        for delivery in deliveries:
            holding = self._holding_of(delivery)
            if holding is not None:
                holding.watermark.release(delivery.position.offset)
                rewound[holding.place] = holding
        for holding in rewound.values():
            self._rewind(holding)
        if rewound:
            self._changed.set()

    def _holding_of(self, delivery: Delivery) -> _Holding | None:
        """The holding in which a delivery is in flight; None if it does not count any more."""
        topic, partition, offset = delivery.position
        holding = self._held.get(TopicPartition(self._kafka_names[topic], partition))
        if (
            holding is None
            or holding.generation != delivery.generation
            or not holding.watermark.holds(offset)
        ):
            return None
        return holding

    # What goes on beside.

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            try:
                self._let_go(self._drained())
                await self._commit_passed()
            except BusUnavailable as error:
                log.warning("group.cannot_commit", group=self._group, error=str(error))
            except Exception as error:
                # Whatever it is, partitions that were asked back must be let go of.
                log.error("group.housekeeping_failed", group=self._group, error=repr(error))

    def _drained(self) -> list[TopicPartition]:
        now = asyncio.get_running_loop().time()
        return [
            place
            for place, holding in self._held.items()
            if holding.gives_up_at is not None
            and (not holding.watermark.in_flight or holding.gives_up_at < now)
        ]

    async def _commit_passed(self) -> None:
        """Commit what moved without anything being settled: holes, work that was done before."""
        async with self._settling_now:
            if self._member is None or self._doubted:
                return
            passed = {
                place: holding
                for place, holding in self._held.items()
                if holding.committed < 0
                or (
                    not holding.watermark.in_flight
                    and holding.watermark.committable > holding.committed
                )
            }
            if not passed:
                return
            marks = {place: holding.watermark.after(()) for place, holding in passed.items()}
            membership = self._member.membership
            with contextlib.suppress(NotAMember):
                await commit_offsets(
                    self._connection,
                    self._group,
                    _described(marks, _NO_TRANSACTION),
                    generation=membership.generation,
                    member=membership.member,
                    instance=membership.instance,
                    seconds=_SECONDS,
                )
                for place, holding in passed.items():
                    holding.committed = max(holding.committed, marks[place][0])


def _described(
    marks: Mapping[TopicPartition, tuple[int, set[int]]], transaction: str
) -> dict[TopicPartition, tuple[int, str]]:
    """Marks as offsets with their metadata."""
    return {place: (mark, encode(mark, more, transaction)) for place, (mark, more) in marks.items()}
