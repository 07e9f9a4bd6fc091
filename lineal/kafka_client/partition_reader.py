"""Reads the assigned partitions fairly and in order, and released records again.

Invariant: what an assigned partition's watermark has not passed is in flight, or will be read
(again).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from lineal.fair_share import fair_share, should_read
from lineal.kafka_client.assigned_partition import AssignedPartition
from lineal.kafka_client.connection import EARLIEST, LATEST, Connection, unavailable
from lineal.kafka_client.consumers import check_fetching, read_committed_consumer, stop_consumer
from lineal.kafka_client.errors import KafkaUnavailable

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.1
"""How often an idle reader passes by control records, so that its group shows no lag."""


class Fetched(NamedTuple):
    """A record, in flight until it is acknowledged or released."""

    partition: AssignedPartition
    record: Any
    """aiokafka's ConsumerRecord."""


class _Prefetched(NamedTuple):
    """Records that are yet to be returned."""

    records: Mapping[TopicPartition, Sequence[Any]]
    rewinds: Mapping[TopicPartition, int]
    """Of their partitions, as of the request."""


class PartitionReader:
    """Reads what is in ``assigned``, which its owner changes, calling :meth:`assign`.

    Args:
        on_truncated: called with partitions that end before the offset where they are to be read
            on: their owner has to fetch the start offset again.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        on_truncated: Callable[[Collection[TopicPartition]], None],
    ) -> None:
        self.assigned: dict[TopicPartition, AssignedPartition] = {}
        self._connection = connection
        self._group = group
        self._on_truncated = on_truncated
        self._consumer = self._new_consumer()
        self._changed = asyncio.Event()
        """Something can be read now that could not be before."""
        self._turn = 0
        self._prefetched = _Prefetched({}, {})

    def _new_consumer(self) -> AIOKafkaConsumer:
        return read_committed_consumer(
            self._connection.cluster, auto_offset_reset="none", fetch_max_wait_ms=250,
            fetch_max_bytes=16 * 1024 * 1024,
        )  # fmt: skip

    async def _replace_consumer(self) -> None:
        """Go on with another one, from where the watermarks say."""
        new = self._new_consumer()
        await self._connect(new)
        ended, self._consumer = self._consumer, new
        self.assign()
        await stop_consumer(ended)

    async def open(self) -> None:
        """Connect.

        Raises:
            KafkaUnavailable
        """
        await self._connect(self._consumer)

    async def _connect(self, consumer: AIOKafkaConsumer) -> None:
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await stop_consumer(consumer)
            raise unavailable(error) from error

    async def close(self) -> None:
        await stop_consumer(self._consumer)

    def wake(self) -> None:
        """Something can be read now that could not be before."""
        self._changed.set()

    def assign(self) -> None:
        """Take note of a change of :attr:`assigned`."""
        self._consumer.assign(list(self.assigned))
        for partition in self.assigned.values():
            self.rewind(partition)
        self._changed.set()

    def rewind(self, partition: AssignedPartition) -> None:
        """Continue reading at the partition's watermark."""
        self._consumer.seek(partition.topic_partition, partition.watermark.next_offset)
        partition.rewinds += 1
        self._changed.set()

    async def fetch(self, limit: int, seconds: float) -> list[Fetched]:
        """The next records, at most ``limit``, in order within each partition; an empty list when
        none came within ``seconds``.

        Raises:
            KafkaUnavailable
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            self._changed.clear()
            rewinds = {item.assignment: item.rewinds for item in self.assigned.values()}
            prefetched, self._prefetched = self._prefetched, _Prefetched({}, {})
            batch = self._deliver(self._valid(prefetched))
            try:
                await self._pass_control_records()
                await self._read(batch, limit)
            except BaseException:
                self._take_back(batch)
                raise
            batch = self._still_wanted(batch, rewinds)
            left = deadline - loop.time()
            if batch or left <= 0:
                return batch
            self._prefetched = await self._until_records(limit, min(left, _IDLE_SECONDS))

    def _still_wanted(self, batch: list[Fetched], rewinds: Mapping[int, int]) -> list[Fetched]:
        """Without records of partitions whose revocation began, or whose reading went back, while
        others were read: records before them may have been released, and have to be read first.
        """
        wanted = {
            item.assignment
            for item in self._not_revoking()
            if item.rewinds == rewinds.get(item.assignment)
        }
        stale = [item for item in batch if item.partition.assignment not in wanted]
        if not stale:
            return batch
        self._take_back(stale)
        return [item for item in batch if item.partition.assignment in wanted]

    def _take_back(self, batch: Sequence[Fetched]) -> None:
        """Read these again, and what the consumer had prefetched when it failed."""
        present = {item.assignment for item in self.assigned.values()}
        for partition, record in batch:
            if partition.assignment in present:
                partition.watermark.release(record.offset)
        for partition in self.assigned.values():
            self.rewind(partition)

    def _not_revoking(self) -> list[AssignedPartition]:
        return [item for item in self.assigned.values() if item.revoke_deadline is None]

    def _readable(self, limit: int) -> list[AssignedPartition]:
        """What may be read."""
        found = self._not_revoking()
        if len(found) < 2:
            return found
        # Every call begins with the next partition, so that a full one cannot starve the others.
        self._turn = (self._turn + 1) % len(found)
        return [
            item
            for item in found[self._turn :] + found[: self._turn]
            if should_read(item.watermark.in_flight, limit)
        ]

    async def _read(self, batch: list[Fetched], limit: int) -> None:
        readable = self._readable(limit - len(batch))
        alone = len(self._not_revoking()) < 2
        for left, partition in zip(range(len(readable), 0, -1), readable, strict=True):
            room = limit - len(batch)
            share = (
                room
                if alone
                else min(fair_share(partition.watermark.in_flight, room), max(1, room // left))
            )
            if share <= 0:
                continue
            # Records that are all done already say nothing about what stands behind them.
            while self.assigned.get(partition.topic_partition) is partition:
                found = await self._records((partition.topic_partition,), 0.0, share)
                batch += (new := self._deliver(found))
                if new or not found:
                    break

    async def _until_records(self, limit: int, seconds: float) -> _Prefetched:
        """The first record that comes, unless something else changes."""
        readable = tuple(item.topic_partition for item in self._readable(limit))
        changed = asyncio.create_task(self._changed.wait())
        if not readable:
            await asyncio.wait((changed,), timeout=seconds)
            changed.cancel()
            return _Prefetched({}, {})
        rewinds = {item: self.assigned[item].rewinds for item in readable}
        reading = asyncio.create_task(self._records(readable, seconds, 1))
        try:
            await asyncio.wait((reading, changed), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        except asyncio.CancelledError:
            if reading.done() and not reading.cancelled() and reading.exception() is None:
                self._prefetched = _Prefetched(reading.result(), rewinds)
            raise
        finally:
            reading.cancel()
            changed.cancel()
        return _Prefetched({} if reading.cancelled() else reading.result(), rewinds)

    def _valid(self, found: _Prefetched) -> Mapping[TopicPartition, Sequence[Any]]:
        """Without records of partitions that were lost, or whose reading went back, since: taking
        them as the next ones would skip records that have to be read again."""
        valid = {}
        for topic_partition, records in found.records.items():
            partition = self.assigned.get(topic_partition)
            if partition is not None and partition.rewinds == found.rewinds[topic_partition]:
                valid[topic_partition] = records
        return valid

    async def _records(
        self, partitions: tuple[TopicPartition, ...], seconds: float, limit: int
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            check_fetching(self._consumer)
        except KafkaUnavailable as error:
            log.error("group.fetching_ended", group=self._group, error=str(error))
            await self._replace_consumer()
        try:
            found: Mapping[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
                *partitions, timeout_ms=round(seconds * 1000), max_records=limit
            )
            return found
        except OffsetOutOfRangeError as error:
            (out_of_range,) = error.args
            await self._reset_out_of_range(out_of_range)
            return {}
        except KafkaError as error:
            raise unavailable(error) from error

    async def _reset_out_of_range(self, partitions: Collection[TopicPartition]) -> None:
        """The next offset has expired, or the topic was truncated or recreated."""
        earliest = await self._connection.list_offsets(partitions, EARLIEST)
        latest = await self._connection.list_offsets(partitions, LATEST)
        truncated = []
        for topic_partition in partitions:
            partition = self.assigned.get(topic_partition)
            if partition is None:
                continue
            if partition.watermark.next_offset > latest[topic_partition]:
                if partition.revoke_deadline is None:  # else it is not read on anyway
                    truncated.append(topic_partition)
            else:
                log.warning(
                    "group.events_expired", group=self._group, topic=topic_partition.topic,
                    partition=topic_partition.partition, position=partition.watermark.next_offset,
                    first=earliest[topic_partition],
                )  # fmt: skip
                partition.watermark.pass_by(earliest[topic_partition])
                self.rewind(partition)
        if truncated:
            self._on_truncated(truncated)

    def _deliver(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Fetched]:
        batch: list[Fetched] = []
        for topic_partition, records in found.items():
            partition = self.assigned.get(topic_partition)
            if partition is None:
                continue
            watermark = partition.watermark
            for record in records:
                offset = record.offset
                if offset >= watermark.next_offset and watermark.deliver(offset):
                    batch.append(Fetched(partition, record))
        return batch

    async def _pass_control_records(self) -> None:
        """Pass by offsets that hold no record: transaction markers, aborted and compacted
        records."""
        for topic_partition, partition in self.assigned.items():
            # Does not wait: an assigned partition has a position.
            position = await self._consumer.position(topic_partition)
            if position > partition.watermark.next_offset:
                partition.watermark.pass_by(position)
