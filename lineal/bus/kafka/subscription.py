"""A worker of a group: takes and gives back partitions, settles what is done in them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.committed import commit_offsets
from lineal.bus.kafka.completed import encode
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import InDoubt, NotAMember
from lineal.bus.kafka.holding import Beginning, Holding, find_beginnings
from lineal.bus.kafka.membership import Member
from lineal.bus.kafka.partition_reader import PartitionReader
from lineal.bus.kafka.settling import Settling
from lineal.bus.protocol import BusUnavailable, Delivery, Settlement

log = structlog.get_logger(__name__)

_HOUSEKEEPING_SECONDS = 0.1
_PAUSE_SECONDS = 0.2
_SECONDS = 15.0
_NO_TRANSACTION = "-"
_takings = itertools.count(1)


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
        self._topics = topics
        self._first = first
        self._budget_seconds = budget_seconds
        self._on_closed = on_closed
        self._reader = PartitionReader(connection, group, self._begin_anew)
        self._held = self._reader.held
        self._member: Member | None = None
        self._taking: dict[TopicPartition, int] = {}
        """Ours, with a position yet to be found out; by the number of the task that does."""
        self._takings: set[asyncio.Task[None]] = set()
        self._callback: Callable[[Collection[tuple[str, int]]], None] | None = None
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
        await self._reader.open()
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
            await self._reader.close()  # in case it was never opened
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
        await self._reader.close()
        await self._on_closed(self)

    # What the group says; see membership.Holder.

    def given(self, partitions: Collection[TopicPartition]) -> None:
        number = next(_takings)
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
        self._reader.look_again()

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        self._forget_taking(partitions)
        gone = [place for place in partitions if self._held.pop(place, None) is not None]
        if gone:
            log.info("group.lost_partitions", group=self._group, partitions=len(gone))
            self._reader.assign()
            self._tell_revoked(gone)

    def _begin_anew(self, partitions: Collection[TopicPartition]) -> None:
        """What stood where we had come to is not there any more."""
        log.warning(
            "group.position_is_gone", group=self._group,
            partitions=[f"{place.topic}/{place.partition}" for place in partitions],
        )  # fmt: skip
        self.lost(partitions)
        self.given(partitions)

    def _tell_revoked(self, places: Collection[TopicPartition]) -> None:
        if places and self._callback is not None:
            self._callback([(self._topics[p.topic], p.partition) for p in places])

    def _let_go(self, places: Collection[TopicPartition]) -> None:
        if not places:
            return
        self._forget_taking(places)
        if [place for place in places if self._held.pop(place, None) is not None]:
            self._reader.assign()
        if self._member is not None:
            self._member.let_go(places)

    def _forget_taking(self, places: Collection[TopicPartition]) -> None:
        for place in places:
            self._taking.pop(place, None)

    def _still_taking(self, number: int) -> list[TopicPartition]:
        return [place for place, task in self._taking.items() if task == number]

    async def _take(self, number: int) -> None:
        begins: dict[TopicPartition, Beginning] = {}
        while places := self._still_taking(number):
            try:
                begins = await find_beginnings(self._connection, self._group, places, self._first)
                break
            except BusUnavailable as error:
                log.warning("group.cannot_find_positions", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
        if not (places := self._still_taking(number)):
            return
        for place in places:
            del self._taking[place]
            self._held[place] = Holding(place, self._topics[place.topic], begins[place])
        self._reader.assign()
        # A group shows its lag from the moment on at which it reads a topic.
        with contextlib.suppress(BusUnavailable):
            await self._commit_passed()

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        return await self._reader.fetch(limit, seconds)

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
            await self._settling.write_before(
                self._held_of([s for s in rest if s.touches_store])[0]
            )
            while True:
                held, offsets = self._held_of(rest)
                if not held:
                    return rest
                # At one and the same moment: what is lost from here on the group will refuse.
                membership = self._member.membership
                marks = {h.place: h.watermark.after(found) for h, found in offsets.items()}
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
            self._apply(offsets)
        await self._settling.write_after(held)
        if len(held) == len(rest):
            return []
        kept = {id(settlement) for settlement in held}
        return [s for s in rest if id(s) not in kept]

    async def _clear_doubt(self) -> None:
        if self._doubted:
            if await self._settling.took_effect():
                _, offsets = self._held_of(self._doubted)
                self._apply(offsets)
                self._effective = self._doubted
                await self._settling.write_after(self._doubted)
            self._doubted = []

    def _held_of(
        self, settlements: Sequence[Settlement]
    ) -> tuple[list[Settlement], dict[Holding, list[int]]]:
        """Those whose deliveries are in flight, and their offsets by holding."""
        holdings = {holding.generation: holding for holding in self._held.values()}
        held: list[Settlement] = []
        offsets: dict[Holding, list[int]] = {}
        for settlement in settlements:
            delivery = settlement.delivery
            holding = holdings.get(delivery.generation)
            if holding is not None and holding.watermark.holds(offset := delivery.position.offset):
                held.append(settlement)
                if holding in offsets:
                    offsets[holding].append(offset)
                else:
                    offsets[holding] = [offset]
        return held, offsets

    def _apply(self, offsets: Mapping[Holding, Sequence[int]]) -> None:
        for holding, found in offsets.items():
            # It may have been lost, or some of it released, since the offsets were collected.
            if self._held.get(holding.place) is holding:
                watermark = holding.watermark
                watermark.settle([offset for offset in found if watermark.holds(offset)])
                holding.committed = max(holding.committed, watermark.committable)
        self._reader.look_again()

    def release(self, deliveries: Sequence[Delivery]) -> None:
        holdings = {holding.generation: holding for holding in self._held.values()}
        rewound = {}
        for delivery in deliveries:
            holding = holdings.get(delivery.generation)
            offset = delivery.position.offset
            # Else it does not count any more.
            if holding is not None and holding.watermark.holds(offset):
                holding.watermark.release(offset)
                rewound[holding.place] = holding
        for holding in rewound.values():
            self._reader.rewind(holding)

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
