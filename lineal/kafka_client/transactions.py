"""A transactional producer (KIP-98): records on any topics and a group's offsets, all or none.

Needed because aiokafka's producer commits offsets without the generation of the group, so that a
worker which lost its partitions could still commit (KIP-447), and because it does not tell what
became of a transaction whose end got no answer.

What fails before EndTxn did not happen: the next transaction begins with InitProducerId, whose new
epoch makes the coordinator abort what is open. A transaction whose EndTxn got no answer is in
doubt: its name stands in the metadata of the offsets, where it can be looked up afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition

from lineal.concurrency import gather_all
from lineal.kafka_client.committed_offsets import GroupMetadata, fetch_offsets
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import KafkaUnavailable, RetriableError, TransactionInDoubt
from lineal.kafka_client.out_of_order_acks import decode_metadata, encode_metadata
from lineal.kafka_client.record_batches import ProducerId, RecordBatches, produce
from lineal.kafka_client.requests import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    END_TXN,
    INIT_PRODUCER_ID,
    TXN_OFFSET_COMMIT,
)
from lineal.kafka_client.wire import Call

log = structlog.get_logger(__name__)

_OPERATION_NOT_ATTEMPTED = 55

Offsets = Mapping[TopicPartition, tuple[int, Collection[int]]]
"""The offset to commit, and the offsets beyond it that are done."""


class TransactionalProducer:
    """The transactions of one transactional id, one after the other.

    Args:
        transactional_id: the same for a worker and the process that replaces it, which thereby
            aborts what the worker left open, and fences it.
        seconds: how long a transaction may be open (``transaction.timeout.ms``); then the broker
            aborts it.
    """

    def __init__(self, connection: Connection, transactional_id: str, seconds: float) -> None:
        self._connection = connection
        self._id = transactional_id
        self._seconds = seconds
        self._lane = f"transaction {transactional_id}"
        self._producer: ProducerId | None = None
        self._sequences: dict[TopicPartition, int] = {}
        self._run = secrets.token_urlsafe(6)
        self._count = 0
        self._in_doubt: tuple[str, str, list[TopicPartition]] | None = None
        """Name, group and partitions of a transaction that may have been committed."""

    async def open(self) -> None:
        """Get a producer id with a new epoch, which aborts what a predecessor left open.

        Raises:
            KafkaUnavailable
        """

        async def attempt() -> ProducerId:
            request = INIT_PRODUCER_ID(self._id, round(self._seconds * 1000))
            _, code, producer_id, epoch = await self._send(request)
            self._check(code, "getting a transactional producer id")
            return ProducerId(producer_id, epoch)

        self._producer = None
        self._producer = await self._connection.retry(attempt, self._seconds)
        self._sequences = {}

    async def commit(
        self, batches: RecordBatches, group_metadata: GroupMetadata, offsets: Offsets
    ) -> None:
        """One transaction.

        Args:
            offsets: at least one: the group's generation fences through them (KIP-447).

        Raises:
            UnknownMember: nothing happened; the group has moved on.
            RecordsRejected: nothing happened; the broker refuses the records.
            TransactionInDoubt: :meth:`resolve` must be asked before anything else.
            KafkaUnavailable: nothing happened.
        """
        assert self._in_doubt is None, "resolve() first"
        assert offsets, "a transaction without offsets could not be fenced"
        if self._producer is None:
            await self.open()
        producer = self._producer
        assert producer is not None
        self._count += 1
        name = f"{self._run}.{self._count:x}"
        described = {
            topic_partition: (offset, encode_metadata(offset, acked, name))
            for topic_partition, (offset, acked) in offsets.items()
        }
        try:
            await gather_all(
                (self._add_partitions(producer, batches), self._add_group(producer, group_metadata))
            )
            await gather_all(
                (
                    self._produce(producer, batches),
                    self._commit_offsets(producer, group_metadata, described),
                )
            )
            await self._end(producer)
        except TransactionInDoubt:
            self._producer = None
            self._in_doubt = name, group_metadata.group, list(offsets)
            raise
        except BaseException as error:
            self._producer = None
            if isinstance(error, Exception):
                await self._abort()
            raise

    async def resolve(self) -> bool:
        """Whether the transaction in doubt was committed; then there is none in doubt.

        Raises:
            KafkaUnavailable: it is still in doubt.
        """
        if self._in_doubt is None:
            return False
        name, group, partitions = self._in_doubt
        # The new epoch makes the coordinator complete a commit that had begun, and abort the rest.
        await self.open()
        found = await fetch_offsets(self._connection, group, partitions, seconds=self._seconds)
        self._in_doubt = None
        return any(decode_metadata(0, metadata)[1] == name for _, metadata in found.values())

    async def _abort(self) -> None:
        """Now, where possible: read_committed consumers wait for open transactions."""
        try:
            await self.open()
        except (KafkaUnavailable, OSError) as error:
            log.warning("transaction.abort_failed", id=self._id, error=str(error))

    async def _add_partitions(self, producer: ProducerId, batches: RecordBatches) -> None:
        topics: dict[str, list[int]] = {}
        for topic_partition in batches.partitions:
            topics.setdefault(topic_partition.topic, []).append(topic_partition.partition)
        if not topics:
            return

        async def attempt() -> None:
            request = ADD_PARTITIONS_TO_TXN(self._id, *producer, list(topics.items()))
            answer = await self._send(request)
            codes = {code for _, partitions in answer[1] for _, code in partitions}
            # Of several, one is the cause; the others were not attempted.
            for code in sorted(codes, key=lambda code: code == _OPERATION_NOT_ATTEMPTED):
                self._check(code, "adding topics to a transaction")

        await self._connection.retry(attempt, self._seconds)

    async def _add_group(self, producer: ProducerId, group_metadata: GroupMetadata) -> None:
        async def attempt() -> None:
            _, code = await self._send(
                ADD_OFFSETS_TO_TXN(self._id, *producer, group_metadata.group)
            )
            self._check(code, "adding a group to a transaction")

        await self._connection.retry(attempt, self._seconds)

    async def _produce(self, producer: ProducerId, batches: RecordBatches) -> None:
        for part in batches.encode(producer, self._sequences):
            await produce(self._connection, part, self._id, seconds=self._seconds, lane=self._lane)

    async def _commit_offsets(
        self,
        producer: ProducerId,
        group_metadata: GroupMetadata,
        offsets: Mapping[TopicPartition, tuple[int, str]],
    ) -> None:
        group, generation, member, static_member_id = group_metadata
        topics: dict[str, list[tuple[object, ...]]] = {}
        for topic_partition, (offset, metadata) in offsets.items():
            entry: tuple[object, ...] = (topic_partition.partition, offset, -1, metadata, {})
            topics.setdefault(topic_partition.topic, []).append(entry)
        fields: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]

        async def attempt() -> None:
            request = TXN_OFFSET_COMMIT(
                self._id, group, *producer, generation, member, static_member_id, fields, {}
            )
            answer = await self._connection.send_to_coordinator("group", group, request, self._lane)
            for _, partitions, _ in answer[1]:
                for _, code, _ in partitions:
                    self._connection.check_coordinator("group", group, code, "committing offsets")

        await self._connection.retry(attempt, self._seconds)

    async def _end(self, producer: ProducerId) -> None:
        unanswered = False

        async def attempt() -> None:
            nonlocal unanswered
            request = END_TXN(self._id, *producer, True)
            try:
                _, code = await self._send(request)
                self._check(code, "committing a transaction")
            except RetriableError:
                # Also after an error code: the coordinator may have written the commit to its
                # log, and then failed to hear from enough replicas.
                unanswered = True
                raise

        try:
            await self._connection.retry(attempt, self._seconds)
        except BaseException as error:
            # Also when cancelled: the request may be in flight.
            if unanswered or not isinstance(error, KafkaUnavailable):
                raise TransactionInDoubt(
                    f"a transaction may have been committed: {error}"
                ) from error
            raise

    async def _send(self, call: Call) -> Any:
        return await self._connection.send_to_coordinator("transaction", self._id, call, self._lane)

    def _check(self, code: int, doing: str) -> None:
        self._connection.check_coordinator("transaction", self._id, code, doing)


class AlternatingProducers:
    """Two transactional producers that take turns: while brokers still write the end of one's
    transaction to every partition, it cannot begin the next (CONCURRENT_TRANSACTIONS)."""

    def __init__(self, connection: Connection, transactional_id: str, seconds: float) -> None:
        self._next = TransactionalProducer(connection, f"{transactional_id}/a", seconds)
        self._last = TransactionalProducer(connection, f"{transactional_id}/b", seconds)

    async def open(self) -> None:
        """See :meth:`TransactionalProducer.open`."""
        await self._next.open()
        await self._last.open()

    async def commit(
        self, batches: RecordBatches, group_metadata: GroupMetadata, offsets: Offsets
    ) -> None:
        """See :meth:`TransactionalProducer.commit`."""
        self._next, self._last = self._last, self._next
        await self._last.commit(batches, group_metadata, offsets)

    async def resolve(self) -> bool:
        """See :meth:`TransactionalProducer.resolve`."""
        return await self._last.resolve()
