"""A consumer of a group whose offsets are committed in transactions, record by record.

Records are acknowledged in any order; what is done beyond the committed offset is kept in its
metadata (:mod:`lineal.kafka_client.out_of_order_acks`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition

from lineal.kafka_client.assigned_partition import (
    AssignedPartition,
    StartOffset,
    fetch_start_offsets,
)
from lineal.kafka_client.committed_offsets import commit_offsets
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import KafkaUnavailable, TransactionInDoubt, UnknownMember
from lineal.kafka_client.group_membership import GroupMember
from lineal.kafka_client.out_of_order_acks import encode_metadata
from lineal.kafka_client.partition_reader import Fetched, PartitionReader
from lineal.kafka_client.record_batches import RecordBatches
from lineal.kafka_client.transactions import AlternatingProducers

log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.1
_PAUSE_SECONDS = 0.2
_SECONDS = 15.0
_NO_TRANSACTION = "-"
_starts = itertools.count(1)


OnRevoking = Callable[[Collection[TopicPartition]], None]


class Ack(NamedTuple):
    """A record that is done."""

    assignment: int
    """Of its partition, :attr:`AssignedPartition.assignment`."""
    offset: int


class GroupConsumer:
    """A member of a group with its partitions.

    Args:
        reset: where to start in partitions in which the group has no committed offset; None for the
            log start offset.
        producers: commit what is acknowledged.
        static_member_id: see :class:`GroupMember`, as for ``session_seconds``.
        revoke_seconds: how long records may stay in flight in a partition that is being revoked.
        on_revoking: called with partitions that are being revoked, or were lost: what of them is
            in flight and has not begun is to be released.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Sequence[str],
        producers: AlternatingProducers,
        reset: Mapping[TopicPartition, int] | None,
        *,
        static_member_id: str,
        session_seconds: float,
        revoke_seconds: float,
        on_revoking: OnRevoking,
    ) -> None:
        self._connection = connection
        self._group = group
        self._producers = producers
        self._reset = reset
        self._revoke_seconds = revoke_seconds
        self._revoking_callback = on_revoking
        self._reader = PartitionReader(connection, group, self._restart)
        self._assigned = self._reader.assigned
        self._member = GroupMember(
            connection, group, topics, static_member_id, self, session_seconds=session_seconds,
            revoke_seconds=revoke_seconds,
        )  # fmt: skip
        self._starting: dict[TopicPartition, int] = {}
        """Assigned, with a start offset yet to be fetched; by the number of the task that does."""
        self._start_tasks: set[asyncio.Task[None]] = set()
        self._committing = asyncio.Lock()
        self._in_doubt: list[Ack] = []
        self._housekeeping: asyncio.Task[None] | None = None
        self._joining = False

    async def open(self) -> None:
        """Join the group and fetch the start offsets.

        Raises:
            KafkaUnavailable
        """
        await self._producers.open()
        await self._reader.open()
        self._joining = True
        await self._member.open()
        while self._start_tasks:
            await asyncio.wait(self._start_tasks)
        self._housekeeping = asyncio.create_task(self._keep_house())

    @property
    def problem(self) -> str | None:
        """Why nothing is consumed now; None when all is well."""
        if self._member.problem is not None:
            return self._member.problem
        if self._housekeeping is not None and self._housekeeping.done():
            return f"the consumer of group {self._group} has ended"
        return None

    @property
    def fenced(self) -> bool:
        """Whether another process has joined with the same static member id."""
        return self._member.fenced

    async def close(self) -> None:
        """Commit the offsets that were passed, and leave the group."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        for task in self._start_tasks:
            task.cancel()
        if self._joining:
            with contextlib.suppress(KafkaUnavailable):
                await self._commit_passed()
            self._assigned.clear()
            self._joining = False
            await self._member.close()
        await self._reader.close()

    # RebalanceListener

    def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        number = next(_starts)
        self._starting.update(dict.fromkeys(partitions, number))
        task = asyncio.create_task(self._start(number))
        self._start_tasks.add(task)
        task.add_done_callback(self._start_tasks.discard)

    def on_revoking(self, partitions: Collection[TopicPartition]) -> None:
        deadline = asyncio.get_running_loop().time() + self._revoke_seconds
        started = [item for item in partitions if item in self._assigned]
        for topic_partition in started:
            self._assigned[topic_partition].revoke_deadline = deadline
        if started:
            self._revoking_callback(started)
        self._give_up([item for item in partitions if item not in self._assigned])

    def on_revoke_cancelled(self, partitions: Collection[TopicPartition]) -> None:
        for topic_partition in partitions:
            if topic_partition in self._assigned:
                self._assigned[topic_partition].revoke_deadline = None
        self._reader.wake()

    def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        self._forget_starting(partitions)
        lost = [item for item in partitions if self._assigned.pop(item, None) is not None]
        if lost:
            log.info("group.lost_partitions", group=self._group, partitions=len(lost))
            self._reader.assign()
            self._revoking_callback(lost)

    def _restart(self, partitions: Collection[TopicPartition]) -> None:
        """The partition ends before the offset that was to be read next."""
        log.warning(
            "group.offset_out_of_range", group=self._group,
            partitions=[f"{item.topic}/{item.partition}" for item in partitions],
        )  # fmt: skip
        self.on_lost(partitions)
        self.on_assigned(partitions)

    def _give_up(self, partitions: Collection[TopicPartition]) -> None:
        if not partitions:
            return
        self._forget_starting(partitions)
        if [item for item in partitions if self._assigned.pop(item, None) is not None]:
            self._reader.assign()
        self._member.revoked(partitions)

    def _forget_starting(self, partitions: Collection[TopicPartition]) -> None:
        for topic_partition in partitions:
            self._starting.pop(topic_partition, None)

    def _still_starting(self, number: int) -> list[TopicPartition]:
        return [item for item, task in self._starting.items() if task == number]

    async def _start(self, number: int) -> None:
        starts: dict[TopicPartition, StartOffset] = {}
        while partitions := self._still_starting(number):
            try:
                starts = await fetch_start_offsets(
                    self._connection, self._group, partitions, self._reset
                )
                break
            except Exception as error:
                # Whatever it is: a partition that was never started would silently never be read.
                log.warning("group.fetch_offsets_failed", group=self._group, error=repr(error))
                await asyncio.sleep(_PAUSE_SECONDS)
        if not (partitions := self._still_starting(number)):
            return
        for topic_partition in partitions:
            del self._starting[topic_partition]
            start = starts[topic_partition]
            self._assigned[topic_partition] = AssignedPartition(topic_partition, start)
        self._reader.assign()
        # A group shows its lag as soon as it reads a topic.
        with contextlib.suppress(KafkaUnavailable):
            await self._commit_passed()

    # Records

    async def fetch(self, limit: int, seconds: float) -> list[Fetched]:
        """See :meth:`PartitionReader.fetch`."""
        return await self._reader.fetch(limit, seconds)

    def release(self, acks: Iterable[Ack]) -> None:
        """Read these again; those that are not in flight any more are ignored."""
        partitions = self._by_assignment()
        rewound = {}
        for assignment, offset in acks:
            partition = partitions.get(assignment)
            if partition is not None and partition.watermark.holds(offset):
                partition.watermark.release(offset)
                rewound[partition.topic_partition] = partition
        for partition in rewound.values():
            self._reader.rewind(partition)

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows yet whether a transaction took effect."""
        return bool(self._in_doubt)

    def in_flight(self, acks: Sequence[Ack]) -> list[int]:
        """The indexes of those that are in flight here."""
        return self._in_flight(acks)[0]

    async def commit(
        self, acks: Sequence[Ack], batches: Callable[[Sequence[int]], Awaitable[RecordBatches]]
    ) -> list[int]:
        """Commit in one transaction; returns the indexes of the acks that are in it. The partitions
        of the others are assigned to other members now.

        Args:
            batches: gives the records to commit with the acks of these indexes; called again when
                partitions were lost meanwhile.

        Raises:
            RecordsRejected: nothing happened; the broker refuses the records.
            TransactionInDoubt: :meth:`resolve` says what became of it.
            KafkaUnavailable: nothing happened.
        """
        async with self._committing:
            assert not self._in_doubt, "resolve() first"
            while True:
                indexes, offsets = self._in_flight(acks)
                if not indexes:
                    return []
                # Taken at the same moment: the group refuses what is lost from here on (KIP-447).
                group_metadata = self._member.group_metadata
                after = {
                    partition.topic_partition: partition.watermark.after(found)
                    for partition, found in offsets.items()
                }
                try:
                    await self._producers.commit(await batches(indexes), group_metadata, after)
                except UnknownMember:
                    # What is still assigned is committed in the next generation.
                    await self._member.until_changed(group_metadata, _SECONDS)
                    continue
                except TransactionInDoubt as error:
                    self._in_doubt = [acks[index] for index in indexes]
                    error.end_if_cancelled()
                    raise
                self._acknowledge(offsets)
                return indexes

    async def resolve(self) -> frozenset[Ack]:
        """What a transaction in doubt has committed after all; then none is in doubt.

        Raises:
            KafkaUnavailable: it is still in doubt.
        """
        async with self._committing:
            if not self._in_doubt:
                return frozenset()
            committed = await self._producers.resolve()
            acks, self._in_doubt = self._in_doubt, []
            if not committed:
                return frozenset()
            self._acknowledge(self._in_flight(acks)[1])
            return frozenset(acks)

    def _by_assignment(self) -> dict[int, AssignedPartition]:
        return {partition.assignment: partition for partition in self._assigned.values()}

    def _in_flight(
        self, acks: Sequence[Ack]
    ) -> tuple[list[int], dict[AssignedPartition, list[int]]]:
        """The indexes of those that are in flight, and their offsets by partition."""
        partitions = self._by_assignment()
        indexes: list[int] = []
        offsets: dict[AssignedPartition, list[int]] = {}
        for index, (assignment, offset) in enumerate(acks):
            partition = partitions.get(assignment)
            if partition is not None and partition.watermark.holds(offset):
                indexes.append(index)
                if partition in offsets:
                    offsets[partition].append(offset)
                else:
                    offsets[partition] = [offset]
        return indexes, offsets

    def _acknowledge(self, offsets: Mapping[AssignedPartition, Sequence[int]]) -> None:
        for partition, found in offsets.items():
            # It may have been lost, or some of it released, while the transaction was committed.
            if self._assigned.get(partition.topic_partition) is partition:
                watermark = partition.watermark
                watermark.complete([offset for offset in found if watermark.holds(offset)])
                partition.committed = max(partition.committed, watermark.committable)
        self._reader.wake()

    # Housekeeping

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                self._give_up(self._drained())
                await self._commit_passed()
            except KafkaUnavailable as error:
                log.warning("group.commit_failed", group=self._group, error=str(error))
            except Exception as error:
                # Whatever it is: partitions that are being revoked must be given up.
                log.error("group.housekeeping_failed", group=self._group, error=repr(error))

    def _drained(self) -> list[TopicPartition]:
        """Partitions to release: nothing is in flight, or the deadline has passed."""
        now = asyncio.get_running_loop().time()
        return [
            topic_partition
            for topic_partition, partition in self._assigned.items()
            if partition.revoke_deadline is not None
            and (not partition.watermark.in_flight or partition.revoke_deadline < now)
        ]

    async def _commit_passed(self) -> None:
        """Commit offsets that moved without a transaction: control records, and what was done by
        an earlier owner."""
        async with self._committing:
            # The metadata of a transaction in doubt must stay where it can be looked up.
            if not self._joining or self._in_doubt:
                return
            passed = {
                topic_partition: partition
                for topic_partition, partition in self._assigned.items()
                if partition.committed < 0
                or (
                    not partition.watermark.in_flight
                    and partition.watermark.committable > partition.committed
                )
            }
            if not passed:
                return
            offsets = {item: partition.watermark.after(()) for item, partition in passed.items()}
            described = {
                item: (offset, encode_metadata(offset, acked, _NO_TRANSACTION))
                for item, (offset, acked) in offsets.items()
            }
            with contextlib.suppress(UnknownMember):
                await commit_offsets(
                    self._connection, self._member.group_metadata, described, seconds=_SECONDS
                )
                for topic_partition, partition in passed.items():
                    partition.committed = max(partition.committed, offsets[topic_partition][0])
