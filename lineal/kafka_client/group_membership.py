"""Membership in a consumer group: JoinGroup, SyncGroup, heartbeats, cooperative rebalances.

Needed because aiokafka's groups revoke all partitions of all members at every rebalance (no
KIP-429), hide the errors in between, and cannot say whether the member is alive.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition

from lineal.kafka_client import errors
from lineal.kafka_client.assignor import (
    PROTOCOL,
    PROTOCOL_TYPE,
    Assignment,
    MemberSubscription,
    assign,
    assignment_bytes,
    read_assignment,
    read_subscription,
    subscription_bytes,
)
from lineal.kafka_client.committed_offsets import GroupMetadata
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import (
    AuthorizationFailed,
    Fenced,
    KafkaUnavailable,
    RetriableError,
    UnknownMember,
)
from lineal.kafka_client.requests import HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, SYNC_GROUP
from lineal.kafka_client.wire import Call

log = structlog.get_logger(__name__)

_MAX_HEARTBEAT_SECONDS = 1.0
_HEARTBEATS_PER_SESSION = 4
_PAUSE_SECONDS = 0.1
_LONG_PAUSE_SECONDS = 5.0


class RebalanceListener(Protocol):
    """Works on the assigned partitions (Kafka's ConsumerRebalanceListener, with KIP-429)."""

    def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        """These are this member's from now on."""
        ...

    def on_revoking(self, partitions: Collection[TopicPartition]) -> None:
        """Finish what is in flight in these, then call :meth:`GroupMember.revoked`."""
        ...

    def on_revoke_cancelled(self, partitions: Collection[TopicPartition]) -> None:
        """Called with partitions whose revocation was cancelled."""
        ...

    def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        """Called with partitions that are assigned to other members already."""
        ...


class GroupMember:
    """One member of a group.

    Args:
        static_member_id: ``group.instance.id`` (KIP-345): a process that joins with the same one
            replaces this member at once, and keeps its partitions.
        session_seconds: after so long without a heartbeat the group removes the member.
        revoke_seconds: how long an owner may take to finish what is in flight in partitions that
            move.

    Attributes:
        fenced: another process has joined with the same static member id; this one has ended.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Sequence[str],
        static_member_id: str,
        listener: RebalanceListener,
        *,
        session_seconds: float,
        revoke_seconds: float,
    ) -> None:
        self._connection = connection
        self._group = group
        self._topics = tuple(topics)
        self._static_member_id = static_member_id
        self._listener = listener
        self._session_ms = round(session_seconds * 1000)
        self._heartbeat_seconds = min(
            _MAX_HEARTBEAT_SECONDS, session_seconds / _HEARTBEATS_PER_SESSION
        )
        self._revoke_seconds = revoke_seconds
        self._lane = f"member {group} {static_member_id}"
        self._member = ""
        self._generation = -1
        self._owned: set[TopicPartition] = set()
        self._revoking: set[TopicPartition] = set()
        self._wakeup = asyncio.Event()
        self._rejoin = False
        self._incomplete_since: float | None = None
        self._joined = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._counts: dict[str, int] = {}
        """Partitions by topic, as of the last assignment."""
        self._stop_listening: Callable[[], None] | None = None
        self._answered_at = asyncio.get_running_loop().time()
        self._problem: str | None = None
        self._session_seconds = session_seconds
        self.fenced = False

    @property
    def group_metadata(self) -> GroupMetadata:
        """The member and generation with which offsets are committed now."""
        return GroupMetadata(self._group, self._generation, self._member, self._static_member_id)

    @property
    def problem(self) -> str | None:
        """Why it is no member now; None when all is well."""
        if self._problem is not None:
            return self._problem
        silent = asyncio.get_running_loop().time() - self._answered_at
        if silent > 2 * self._session_seconds:
            return f"group {self._group}: Kafka has not answered for {silent:.0f} seconds"
        return None

    async def open(self) -> None:
        """Join; returns when this member is in the group's generation.

        Raises:
            KafkaUnavailable: that took too long, or is forbidden.
        """
        self._running = asyncio.create_task(self._run(), name=f"member of {self._group}")
        self._stop_listening = self._connection.on_metadata_refreshed(self._on_metadata)
        joined = asyncio.create_task(self._joined.wait())
        await asyncio.wait((joined, self._running), timeout=60, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        if not self._joined.is_set():
            self._running.cancel()
            raise KafkaUnavailable(
                self._problem or f"Kafka has not let this worker into group {self._group}"
            )

    async def close(self) -> None:
        """Leave."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._problem is not None:
            return
        try:
            request = LEAVE_GROUP(self._group, [(self._member, self._static_member_id)])
            await self._connection.send_to_coordinator("group", self._group, request)
        except KafkaUnavailable as error:
            # The group removes the member when its session times out.
            log.warning("group.leave_failed", group=self._group, error=str(error))

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Give these up; when all that are being revoked are, the member joins again (KIP-429)."""
        self._owned.difference_update(partitions)
        if self._revoking:
            self._revoking.difference_update(partitions)
            if not self._revoking:
                self.rejoin()

    def rejoin(self) -> None:
        """Start a rebalance."""
        self._rejoin = True
        self._wakeup.set()

    async def until_changed(self, before: GroupMetadata, seconds: float) -> None:
        """Wait until the member is in another generation than ``before``, or in none.

        Raises:
            RetriableError: it took too long.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        self._wakeup.set()  # its next heartbeat finds out
        while self.group_metadata == before:
            if asyncio.get_running_loop().time() > deadline:
                raise RetriableError(f"group {self._group} has no new generation yet")
            await asyncio.sleep(0.005)

    async def _run(self) -> None:
        while True:
            try:
                await self._join()
                self._problem = None
                self._joined.set()
                await self._heartbeat()
            except UnknownMember as error:
                log.info("group.lost_membership", group=self._group, reason=str(error))
                self._lose_all()
            except Fenced:
                self.fenced = True
                self._problem = (
                    f"another process has the static member id {self._static_member_id} in group "
                    f"{self._group}"
                )
                log.critical(
                    "group.fenced", group=self._group, static_member_id=self._static_member_id
                )
                self._lose_all()
                return
            except RetriableError as error:
                log.warning("group.coordinator_unreachable", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            except AuthorizationFailed as error:
                self._problem = str(error)
                if not self._joined.is_set():
                    return
                log.error("group.forbidden", group=self._group, error=str(error))
                await asyncio.sleep(_LONG_PAUSE_SECONDS)
            except Exception as error:
                # Whatever it is: a member that stopped trying would silently stop working.
                log.error("group.join_failed", group=self._group, error=repr(error))
                await asyncio.sleep(_LONG_PAUSE_SECONDS)

    def _lose_all(self) -> None:
        lost = set(self._owned)
        self._owned.clear()
        self._revoking.clear()
        self._member, self._generation = "", -1
        if lost:
            self._listener.on_lost(lost)

    def _check(self, code: int, doing: str) -> None:
        self._answered_at = asyncio.get_running_loop().time()
        if code == errors.FENCED_INSTANCE_ID:
            raise Fenced
        self._connection.check_coordinator("group", self._group, code, doing)

    def _count_partitions(self, topics: Collection[str]) -> dict[str, int]:
        return {topic: self._connection.partition_count(topic) for topic in topics}

    def _on_metadata(self) -> None:
        """Rebalance when partitions were added: the coordinator does not notice them by itself."""
        counts = self._count_partitions(self._counts)
        if any(counts[topic] > known for topic, known in self._counts.items()):
            self.rejoin()

    async def _join(self) -> None:
        self._rejoin = False
        self._counts = self._count_partitions(self._topics)
        owned = frozenset(self._owned)
        subscription = subscription_bytes(MemberSubscription(self._topics, owned))
        while True:
            request = JOIN_GROUP(
                self._group, self._session_ms, self._session_ms, self._member,
                self._static_member_id, PROTOCOL_TYPE, [(PROTOCOL, subscription)],
            )  # fmt: skip
            answer = await self._send(request)
            _, code, generation, _, leader, member, members = answer
            if code != errors.MEMBER_ID_REQUIRED:
                break
            self._member = member
        if code == errors.REBALANCE_IN_PROGRESS:
            raise RetriableError(f"group {self._group} is rebalancing")
        self._check(code, f"joining group {self._group}")
        self._member, self._generation = member, generation
        assignments: list[tuple[str, bytes]] = []
        if leader == member and members:
            assignments = await self._assign(members)
        request = SYNC_GROUP(self._group, generation, member, self._static_member_id, assignments)
        _, code, data = await self._send(request)
        if code == errors.REBALANCE_IN_PROGRESS:
            self._rejoin = True
            return
        self._check(code, f"synchronising with group {self._group}")
        self._apply(read_assignment(data), owned)

    async def _assign(
        self, members: Sequence[tuple[str, str | None, bytes]]
    ) -> list[tuple[str, bytes]]:
        subscriptions = {member: read_subscription(data) for member, _, data in members}
        topics = {topic for subscription in subscriptions.values() for topic in subscription.topics}
        if not all(map(self._connection.partition_count, topics)):
            await self._connection.refresh_metadata()
        self._counts = counts = self._count_partitions(topics)
        order = {member: static_id or member for member, static_id, _ in members}
        assignments = assign(subscriptions, counts, order)
        return [(member, assignment_bytes(item)) for member, item in assignments.items()]

    def _apply(self, assignment: Assignment, joined_with: Collection[TopicPartition]) -> None:
        assigned = assignment.partitions - self._owned
        kept = assignment.partitions & self._revoking
        # Some of these may have been given up while the group was rebalancing.
        unwanted = frozenset(joined_with) - assignment.partitions
        revoking = unwanted & self._owned - self._revoking
        self._revoking = set(unwanted & self._owned)
        self._owned.update(assigned)
        loop = asyncio.get_running_loop()
        self._incomplete_since = loop.time() if assignment.incomplete else None
        log.debug(
            "group.joined", group=self._group, generation=self._generation,
            partitions=len(self._owned), assigned=len(assigned), revoking=len(revoking),
        )  # fmt: skip
        if kept:
            self._listener.on_revoke_cancelled(kept)
        if assigned:
            self._listener.on_assigned(assigned)
        if revoking:
            self._listener.on_revoking(revoking)
        if unwanted and not self._revoking:
            self._rejoin = True

    async def _heartbeat(self) -> None:
        """Until the next rebalance."""
        while not self._rejoin:
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    await self._wakeup.wait()
            except TimeoutError:
                pass
            self._wakeup.clear()
            if self._rejoin or self._revocation_overdue():
                return
            request = HEARTBEAT(self._group, self._generation, self._member, self._static_member_id)
            try:
                _, code = await self._send(request)
                if code == errors.REBALANCE_IN_PROGRESS:
                    self._answered_at = asyncio.get_running_loop().time()
                    return
                self._check(code, f"heartbeat in group {self._group}")
            except RetriableError as error:
                # Still a member, as far as the group knows.
                log.warning("group.coordinator_unreachable", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    def _revocation_overdue(self) -> bool:
        """Whether an owner that was to give partitions up seems to have been replaced, under the
        same static member id, by a process that does not know of it."""
        if self._incomplete_since is None:
            return False
        waited = asyncio.get_running_loop().time() - self._incomplete_since
        return waited > self._revoke_seconds * (1.0 + random.random())  # noqa: S311

    async def _send(self, call: Call) -> Any:
        return await self._connection.send_to_coordinator("group", self._group, call, self._lane)
