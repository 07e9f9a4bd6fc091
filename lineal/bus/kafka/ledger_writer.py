"""Writing what the lineage topic brings into the store, each record once.

The store keeps how far it has come, and moves that mark in the transaction that appends the
records: a writer that was stopped and wakes up, or reads something twice, finds the mark elsewhere
and writes nothing. So any number of writers is harmless; one of a group is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lineal.bus.kafka.appending import Appended, Stretch, append, append_beside
from lineal.bus.kafka.connection import LATEST, Cluster, Connection
from lineal.bus.kafka.membership import Member
from lineal.bus.protocol import BusUnavailable
from lineal.store.connection import Store, StoreUnavailable
from lineal.store.memo import tell_changed
from lineal.store.positions import position_of
from lineal.workers.errors import WorkerCrashed, WorkerTimeout
from lineal.workers.pool import WorkerPool

log = structlog.get_logger(__name__)

_MESSAGES_AT_ONCE = 32
_FETCH_BYTES = 8 << 20
"""More than comes in between two writes: one answer brings all of it."""
_LOOK_SECONDS = 0.1
_APART_SECONDS = 0.1
"""Between the beginnings of two writes: under load, few large ones cost a fifth less than many."""
_PAUSE_SECONDS = 1.0
_HELP_AFTER_SECONDS = 0.2
_PASSING = (
    KafkaError, BusUnavailable, StoreUnavailable, WorkerCrashed, WorkerTimeout, OSError,
)  # fmt: skip
"""What is tried again, and nobody's fault here."""


class LedgerWriter:
    """The way from the lineage topic into a store.

    Args:
        place: the topic's one partition.
        source: what the store knows the topic by.
    """

    def __init__(
        self,
        cluster: Cluster,
        connection: Connection,
        store: Store,
        place: TopicPartition,
        source: str,
    ) -> None:
        self._cluster = cluster
        self._connection = connection
        self._store = store
        self._place = place
        self._source = source
        self._member: Member | None = None
        self._following: asyncio.Task[None] | None = None

    async def join(self, group: str, instance: str, session_seconds: float) -> None:
        """Be one of those of whom one writes."""
        self._member = Member(
            self._connection, group, [self._place.topic], instance, self,
            session_seconds=session_seconds, patience_seconds=session_seconds,
        )  # fmt: skip
        await self._member.open()

    @property
    def problem(self) -> str | None:
        return None if self._member is None else self._member.problem

    async def close(self) -> None:
        await self._stop()
        if self._member is not None:
            await self._member.close()

    def given(self, partitions: Collection[TopicPartition]) -> None:
        self._following = asyncio.create_task(self._follow(), name="ledger writer")

    def asked_back(self, partitions: Collection[TopicPartition]) -> None:
        self.lost(partitions)
        if self._member is not None:
            self._member.let_go(partitions)

    def kept(self, partitions: Collection[TopicPartition]) -> None:
        """It was let go of at once."""

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        if self._following is not None:
            self._following.cancel()

    async def until_written(self, seconds: float) -> None:
        """Wait until the store has what was committed to the topic before this call; help if
        nobody else seems to do it.

        Raises:
            BusUnavailable: it took too long.
        """
        ends = await self._connection.offsets([self._place], LATEST)
        end = ends[self._place]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        last, moved = -1, loop.time()
        while (position := await self._position()) < end:
            if position != last:
                last, moved = position, loop.time()
            if loop.time() > deadline:
                raise BusUnavailable(
                    f"the ledger has {end - position} messages of {self._place.topic} to write yet"
                )
            if loop.time() - moved > _HELP_AFTER_SECONDS:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._copy(end, self._here)
                except TimeoutError:
                    continue
            await asyncio.sleep(0.01)

    async def _position(self) -> int:
        return await self._store.read(lambda connection: position_of(connection, self._source))

    async def _follow(self) -> None:
        pool = WorkerPool(1)
        pool.start()
        opener = self._store.opener

        async def beside(stretch: Stretch) -> Appended:
            return await pool.run(append_beside, opener, stretch)

        try:
            while True:
                try:
                    await self._copy(None, beside)
                except _PASSING as error:
                    log.warning("ledger.cannot_write", error=str(error))
                except Exception:
                    log.exception("ledger.writer_failed")
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await pool.close()

    async def _here(self, stretch: Stretch) -> Appended:
        return await self._store.write(lambda connection: append(connection, stretch))

    async def _copy(self, end: int | None, write: Callable[[Stretch], Awaitable[Appended]]) -> None:
        """From the store's mark on to ``end``, or for ever."""
        consumer = AIOKafkaConsumer(
            group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", fetch_max_wait_ms=200,
            max_partition_fetch_bytes=_FETCH_BYTES, **self._cluster.client_arguments(),
        )  # fmt: skip
        await consumer.start()
        loop = asyncio.get_running_loop()
        try:
            consumer.assign([self._place])
            mark = await self._position()
            consumer.seek(self._place, mark)
            while end is None or mark < end:
                found = await consumer.getmany(
                    timeout_ms=round(_LOOK_SECONDS * 1000), max_records=_MESSAGES_AT_ONCE
                )
                reached = await consumer.position(self._place)
                if reached <= mark:
                    continue
                messages = [(m.offset, m.value or b"") for m in found.get(self._place, ())]
                begun = loop.time()
                appended = await write(Stretch(self._source, mark, reached, messages))
                _tell(appended)
                mark = appended.mark
                if mark != reached:
                    # Another one has written it, and perhaps more.
                    consumer.seek(self._place, mark)
                if len(messages) < _MESSAGES_AT_ONCE and mark != end:
                    await asyncio.sleep(begun + _APART_SECONDS - loop.time())
        finally:
            await consumer.stop()

    async def _stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)


def _tell(appended: Appended) -> None:
    for offset, problem in appended.unreadable:
        log.error("ledger.unreadable_message", offset=offset, error=problem)
    tell_changed(appended.changed)
