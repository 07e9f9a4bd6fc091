"""Who of a group writes what the lineage topic brings into the store, and who waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from lineal.bus.kafka.appending import Appended, Source, copy
from lineal.bus.kafka.ledger_process import ClusterOpener, copy_beside
from lineal.bus.protocol import BusUnavailable
from lineal.kafka_client.connection import LATEST, Connection
from lineal.kafka_client.errors import KafkaUnavailable
from lineal.kafka_client.group_membership import GroupMember
from lineal.store.connection import Store, StoreUnavailable
from lineal.store.memo import tell_changed
from lineal.store.positions import position_of
from lineal.workers.errors import WorkerCrashed, WorkerTimeout
from lineal.workers.pool import WorkerPool

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 1.0
_MOST_SECONDS = 20 * 86400.0
"""Then another process goes on; the system waits for no more than 24 days at a time."""
_HELP_AFTER_SECONDS = 0.5
"""More than lies between two writes under load."""
_PASSING = (
    KafkaError, KafkaUnavailable, StoreUnavailable, WorkerCrashed, WorkerTimeout, OSError,
)  # fmt: skip
"""What is tried again, and nobody's fault here."""


class LedgerWriter:
    """The way from the lineage topic into a store.

    Args:
        cluster: opens another connection to the same cluster.
    """

    def __init__(
        self, cluster: ClusterOpener, connection: Connection, store: Store, source: Source
    ) -> None:
        self._cluster = cluster
        self._connection = connection
        self._store = store
        self._source = source
        self._member: GroupMember | None = None
        self._following: asyncio.Task[None] | None = None

    async def join(self, group: str, static_member_id: str, session_seconds: float) -> None:
        """Be one of those of whom one writes."""
        self._member = GroupMember(
            self._connection, group, [self._source.topic_partition.topic], static_member_id, self,
            session_seconds=session_seconds, revoke_seconds=session_seconds,
        )  # fmt: skip
        await self._member.open()

    @property
    def problem(self) -> str | None:
        return None if self._member is None else self._member.problem

    async def close(self) -> None:
        await self._stop()
        if self._member is not None:
            await self._member.close()

    def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        self._following = asyncio.create_task(self._follow(), name="ledger writer")

    def on_revoking(self, partitions: Collection[TopicPartition]) -> None:
        self.on_lost(partitions)
        if self._member is not None:
            self._member.revoked(partitions)

    def on_revoke_cancelled(self, partitions: Collection[TopicPartition]) -> None:
        """It was let go of at once."""

    def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        if self._following is not None:
            self._following.cancel()

    async def until_written(self, seconds: float) -> None:
        """Wait until the store has what was committed to the topic before this call; help if
        nobody else seems to do it.

        Raises:
            BusUnavailable: it took too long.
        """
        lineage = self._source.topic_partition
        end = (await self._connection.list_offsets([lineage], LATEST))[lineage]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        last, moved = -1, loop.time()
        while (position := await self._position()) < end:
            if position != last:
                last, moved = position, loop.time()
            if loop.time() > deadline:
                raise BusUnavailable(
                    f"the ledger has {end - position} messages of {lineage.topic} to write yet"
                )
            if loop.time() - moved > _HELP_AFTER_SECONDS:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._copy_here(end)
                except TimeoutError:
                    continue
            await asyncio.sleep(0.01)

    async def _position(self) -> int:
        return await self._store.read(lambda connection: position_of(connection, self._source.name))

    async def _follow(self) -> None:
        pool = WorkerPool(1)
        pool.start()
        arguments = self._cluster, self._store.opener, self._source
        try:
            while True:
                try:
                    _tell(await pool.run(copy_beside, *arguments, seconds=_MOST_SECONDS))
                    continue
                except _PASSING as error:
                    log.warning("ledger.cannot_write", error=str(error))
                except Exception:
                    log.exception("ledger.writer_failed")
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await pool.close()

    async def _copy_here(self, end: int) -> None:
        copying = copy(self._cluster(), self._store, self._source, end)
        async with contextlib.aclosing(copying):
            async for appended in copying:
                _tell(appended)

    async def _stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)


def _tell(appended: Appended) -> None:
    for offset, problem in appended.unreadable:
        log.error("ledger.unreadable_message", offset=offset, error=problem)
    tell_changed(appended.changed)
