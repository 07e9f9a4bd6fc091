"""Reading the partitions that a worker holds: fairly, in order, and again where it has to be.

Invariant: what a holding's watermark has not passed is in flight, or will be read (again).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from lineal.bus.fair_share import fair_share, worth_reading
from lineal.bus.kafka.connection import (
    EARLIEST,
    LATEST,
    Connection,
    stop_consumer,
    unavailable,
)
from lineal.bus.kafka.holding import Holding
from lineal.bus.kafka.messages import read_event
from lineal.bus.protocol import Delivery, Position

log = structlog.get_logger(__name__)

_IDLE_LOOK_SECONDS = 0.1
"""How often an idle reader takes note of holes it has passed, so that its group shows no lag."""


class _Found(NamedTuple):
    """Records that are yet to be handed out."""

    records: Mapping[TopicPartition, Sequence[Any]]
    rewinds: Mapping[TopicPartition, int]
    """How often reading had gone back in their partitions when they were asked for."""


class PartitionReader:
    """Reads what is in ``held``, which its owner changes, telling :meth:`assign`.

    Args:
        gone: called with partitions that end before the place where they are to be read on: their
            owner has to find out anew where to begin.
    """

    def __init__(
        self, connection: Connection, group: str, gone: Callable[[Collection[TopicPartition]], None]
    ) -> None:
        self.held: dict[TopicPartition, Holding] = {}
        self._connection = connection
        self._group = group
        self._gone = gone
        self._consumer = AIOKafkaConsumer(
            group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            isolation_level="read_committed", fetch_max_wait_ms=250,
            fetch_max_bytes=16 * 1024 * 1024, check_crcs=False,
            **connection.cluster.client_arguments(),
        )  # fmt: skip
        self._changed = asyncio.Event()
        """Something may be read now that was not to be before."""
        self._turn = 0
        self._stash = _Found({}, {})

    async def open(self) -> None:
        """Connect.

        Raises:
            BusUnavailable
        """
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        await stop_consumer(self._consumer)

    def look_again(self) -> None:
        """Something may be read now that was not to be before."""
        self._changed.set()

    def assign(self) -> None:
        """Read what is held."""
        self._consumer.assign(list(self.held))
        for holding in self.held.values():
            self.rewind(holding)
        self._changed.set()

    def rewind(self, holding: Holding) -> None:
        """Go on reading where the holding's watermark says."""
        self._consumer.seek(holding.place, holding.watermark.next_offset)
        holding.rewinds += 1
        self._changed.set()

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        """See :meth:`lineal.bus.protocol.Subscription.fetch`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            self._changed.clear()
            rewinds = {holding.generation: holding.rewinds for holding in self.held.values()}
            stashed, self._stash = self._stash, _Found({}, {})
            batch = self._deliver(self._valid(stashed))
            try:
                await self._pass_holes()
                await self._read(batch, limit)
            except BaseException:
                self._take_back(batch)
                raise
            batch = self._still_wanted(batch, rewinds)
            left = deadline - loop.time()
            if batch or left <= 0:
                return batch
            self._stash = await self._until_records(limit, min(left, _IDLE_LOOK_SECONDS))

    def _still_wanted(self, batch: list[Delivery], rewinds: Mapping[int, int]) -> list[Delivery]:
        """Without what is of partitions that were asked back, or whose reading went back, while
        others were read: what stands before it may have been released, and must not be overtaken.
        """
        wanted = {
            holding.generation
            for holding in self._ours()
            if holding.rewinds == rewinds.get(holding.generation)
        }
        stale = [delivery for delivery in batch if delivery.generation not in wanted]
        if not stale:
            return batch
        self._take_back(stale)
        return [delivery for delivery in batch if delivery.generation in wanted]

    def _take_back(self, batch: Sequence[Delivery]) -> None:
        """Nobody was given these, nor what the consumer had at hand when it failed."""
        holdings = {holding.generation: holding for holding in self.held.values()}
        for delivery in batch:
            if (holding := holdings.get(delivery.generation)) is not None:
                holding.watermark.release(delivery.position.offset)
        for holding in holdings.values():
            self.rewind(holding)

    def _ours(self) -> list[Holding]:
        """What is held and not asked back."""
        return [holding for holding in self.held.values() if holding.gives_up_at is None]

    def _readable(self, limit: int) -> list[Holding]:
        """What may be read."""
        ours = self._ours()
        if len(ours) < 2:
            return ours
        # Every call begins with the next partition, so that a full one cannot starve the others.
        self._turn = (self._turn + 1) % len(ours)
        return [
            holding
            for holding in ours[self._turn :] + ours[: self._turn]
            if worth_reading(holding.watermark.in_flight, limit)
        ]

    async def _read(self, batch: list[Delivery], limit: int) -> None:
        readable = self._readable(limit - len(batch))
        alone = len(self._ours()) < 2
        for left, holding in zip(range(len(readable), 0, -1), readable, strict=True):
            room = limit - len(batch)
            share = (
                room
                if alone
                else min(fair_share(holding.watermark.in_flight, room), max(1, room // left))
            )
            if share <= 0:
                continue
            # Records that are all done already say nothing about what stands behind them.
            while self.held.get(holding.place) is holding:
                found = await self._records((holding.place,), 0.0, share)
                batch += (new := self._deliver(found))
                if new or not found:
                    break

    async def _until_records(self, limit: int, seconds: float) -> _Found:
        """The first record that comes, unless something else changes."""
        places = tuple(holding.place for holding in self._readable(limit))
        changed = asyncio.create_task(self._changed.wait())
        if not places:
            await asyncio.wait((changed,), timeout=seconds)
            changed.cancel()
            return _Found({}, {})
        rewinds = {place: self.held[place].rewinds for place in places}
        reading = asyncio.create_task(self._records(places, seconds, 1))
        try:
            await asyncio.wait((reading, changed), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        except asyncio.CancelledError:
            if reading.done() and not reading.cancelled() and reading.exception() is None:
                self._stash = _Found(reading.result(), rewinds)
            raise
        finally:
            reading.cancel()
            changed.cancel()
        return _Found({} if reading.cancelled() else reading.result(), rewinds)

    def _valid(self, found: _Found) -> Mapping[TopicPartition, Sequence[Any]]:
        """Without what was read before its partition's reading went back (or was lost): to take it
        for what comes next would pass over what is to be read again."""
        valid = {}
        for place, records in found.records.items():
            holding = self.held.get(place)
            if holding is not None and holding.rewinds == found.rewinds[place]:
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
        """What we were to read is expired; or the topic was cut off behind it, or made anew."""
        earliest = await self._connection.offsets(places, EARLIEST)
        latest = await self._connection.offsets(places, LATEST)
        gone = []
        for place in places:
            holding = self.held.get(place)
            if holding is None:
                continue
            if holding.watermark.next_offset > latest[place]:
                if holding.gives_up_at is None:  # else it is not read on anyway
                    gone.append(place)
            else:
                log.warning(
                    "group.events_have_expired", group=self._group, topic=holding.topic,
                    partition=place.partition, position=holding.watermark.next_offset,
                    first=earliest[place],
                )  # fmt: skip
                holding.watermark.pass_by(earliest[place])
                self.rewind(holding)
        if gone:
            self._gone(gone)

    def _deliver(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Delivery]:
        batch: list[Delivery] = []
        for place, records in found.items():
            holding = self.held.get(place)
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
        for place, holding in self.held.items():
            # Does not wait: a held partition has a position.
            position = await self._consumer.position(place)
            if position > holding.watermark.next_offset:
                holding.watermark.pass_by(position)
