"""A transaction: messages on any topics, and a group's offsets, all of them or none.

Written out instead of taken from aiokafka's producer, whose offsets carry no generation of the
group, so that a worker which lost its partitions could still commit (KIP-447), and which says
nothing about what became of a transaction whose end got no answer.

What fails before the end is asked for did not happen: the next transaction begins with a new epoch,
which makes the coordinator abort what is open. An end that got no answer is *in doubt*: the
offsets carry the transaction's name, so that it can be looked up afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.batches import Batches, Producer, send_round
from lineal.bus.kafka.committed import committed_offsets
from lineal.bus.kafka.completed import decode
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import InDoubt, TryAgain
from lineal.bus.kafka.requests import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    END_TXN,
    INIT_PRODUCER_ID,
    TXN_OFFSET_COMMIT,
    Call,
)
from lineal.bus.protocol import BusUnavailable
from lineal.side_by_side import all_of

log = structlog.get_logger(__name__)

_NO_GENERATION = -1
_NOT_ATTEMPTED = 55


@dataclass(frozen=True, slots=True)
class Membership:
    """Who commits offsets. The group refuses one that is no member of its present generation."""

    group: str
    generation: int = _NO_GENERATION
    member: str = ""
    instance: str | None = None


class Transactions:
    """The transactions of one worker, one after the other.

    Args:
        transactional_id: the same for the worker and its successor, which thereby ends what the
            worker left open, and keeps it from going on should it still be there.
        seconds: how long a transaction may be open; then the broker aborts it.
    """

    def __init__(self, connection: Connection, transactional_id: str, seconds: float) -> None:
        self._connection = connection
        self._id = transactional_id
        self._seconds = seconds
        self._lane = f"transaction {transactional_id}"
        self._producer: Producer | None = None
        self._sequences: dict[TopicPartition, int] = {}
        self._run = secrets.token_urlsafe(6)
        self._count = 0
        self._doubt: tuple[str, str, list[TopicPartition]] | None = None
        """Name, group and partitions of a transaction that may have been committed."""

    async def open(self) -> None:
        """End what a predecessor left open.

        Raises:
            BusUnavailable
        """

        async def attempt() -> Producer:
            request = INIT_PRODUCER_ID(self._id, round(self._seconds * 1000))
            _, code, producer_id, epoch = await self._ask(request)
            self._check(code, "beginning transactions")
            return Producer(producer_id, epoch)

        self._producer = None
        self._producer = await self._connection.persist(attempt, self._seconds)
        self._sequences = {}

    async def commit(
        self,
        batches: Batches,
        membership: Membership,
        offsets: Callable[[str], Mapping[TopicPartition, tuple[int, str]]],
    ) -> None:
        """One transaction.

        Args:
            offsets: gives the offsets and their metadata, which must have the given name of the
                transaction in it (:mod:`lineal.bus.kafka.completed`).

        Raises:
            NotAMember: nothing happened; the group has moved on.
            CannotStore: nothing happened; the messages are to blame.
            InDoubt: ask :meth:`took_effect` before anything else.
            BusUnavailable: nothing happened.
        """
        assert self._doubt is None, "ask took_effect() first"
        if self._producer is None:
            await self.open()
        producer = self._producer
        assert producer is not None
        self._count += 1
        name = f"{self._run}.{self._count:x}"
        marks = offsets(name)
        assert marks, "what has no offset could not be refused"
        try:
            await all_of(
                (self._add_partitions(producer, batches), self._add_group(producer, membership))
            )
            await all_of(
                (self._append(producer, batches), self._add_offsets(producer, membership, marks))
            )
            await self._end(producer)
        except InDoubt:
            self._producer = None
            self._doubt = name, membership.group, list(marks)
            raise
        except BaseException as error:
            self._producer = None
            if isinstance(error, Exception):
                await self._abort()
            raise

    async def took_effect(self) -> bool:
        """Whether the transaction in doubt did, which it then is no longer.

        Raises:
            BusUnavailable: still nobody says.
        """
        if self._doubt is None:
            return False
        name, group, places = self._doubt
        # A new epoch makes the coordinator finish what was being committed and abort what was not.
        await self.open()
        found = await committed_offsets(self._connection, group, places, seconds=self._seconds)
        self._doubt = None
        return any(decode(0, metadata)[1] == name for _, metadata in found.values())

    async def _abort(self) -> None:
        """At once, where it can be had: readers wait for open transactions."""
        try:
            await self.open()
        except (BusUnavailable, OSError) as error:
            log.warning("transaction.cannot_abort", id=self._id, error=str(error))

    async def _add_partitions(self, producer: Producer, batches: Batches) -> None:
        topics: dict[str, list[int]] = {}
        for place in batches.partitions:
            topics.setdefault(place.topic, []).append(place.partition)
        if not topics:
            return

        async def attempt() -> None:
            request = ADD_PARTITIONS_TO_TXN(self._id, *producer, list(topics.items()))
            answer = await self._ask(request)
            codes = {code for _, partitions in answer[1] for _, code in partitions}
            # Of several, one is the cause and the others say that they were not looked at.
            for code in sorted(codes, key=lambda code: code == _NOT_ATTEMPTED):
                self._check(code, "adding topics to a transaction")

        await self._connection.persist(attempt, self._seconds)

    async def _add_group(self, producer: Producer, membership: Membership) -> None:
        async def attempt() -> None:
            _, code = await self._ask(ADD_OFFSETS_TO_TXN(self._id, *producer, membership.group))
            self._check(code, "adding a group to a transaction")

        await self._connection.persist(attempt, self._seconds)

    async def _append(self, producer: Producer, batches: Batches) -> None:
        for part in batches.sealed(producer, self._sequences):
            await send_round(
                self._connection, part, self._id, seconds=self._seconds, lane=self._lane
            )

    async def _add_offsets(
        self,
        producer: Producer,
        membership: Membership,
        marks: Mapping[TopicPartition, tuple[int, str]],
    ) -> None:
        group, generation, member, instance = (
            membership.group, membership.generation, membership.member, membership.instance,
        )  # fmt: skip
        topics: dict[str, list[tuple[object, ...]]] = {}
        for place, (offset, metadata) in marks.items():
            entry: tuple[object, ...] = (place.partition, offset, -1, metadata, {})
            topics.setdefault(place.topic, []).append(entry)
        fields: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]

        async def attempt() -> None:
            request = TXN_OFFSET_COMMIT(
                self._id, group, *producer, generation, member, instance, fields, {}
            )
            answer = await self._connection.ask_coordinator("group", group, request, self._lane)
            for _, partitions, _ in answer[1]:
                for _, code, _ in partitions:
                    self._connection.check_coordinator("group", group, code, "committing offsets")

        await self._connection.persist(attempt, self._seconds)

    async def _end(self, producer: Producer) -> None:
        unanswered = False

        async def attempt() -> None:
            nonlocal unanswered
            request = END_TXN(self._id, *producer, True)
            try:
                _, code = await self._ask(request)
                self._check(code, "committing a transaction")
            except TryAgain:
                # Even some answers leave it open: the coordinator may have written it down and
                # then failed to hear from enough replicas.
                unanswered = True
                raise

        try:
            await self._connection.persist(attempt, self._seconds)
        except BaseException as error:
            # Also when cancelled: the request may be on its way.
            if unanswered or not isinstance(error, BusUnavailable):
                raise InDoubt(f"a transaction may have been committed: {error}") from error
            raise

    async def _ask(self, call: Call) -> Any:
        return await self._connection.ask_coordinator("transaction", self._id, call, self._lane)

    def _check(self, code: int, doing: str) -> None:
        self._connection.check_coordinator("transaction", self._id, code, doing)
