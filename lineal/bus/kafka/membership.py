"""A member of a group: joins, stays by heartbeats, takes and gives back partitions.

Written out instead of taken from aiokafka, whose groups take all partitions from all members at
every change, swallow what goes wrong meanwhile, and cannot say whether they are alive.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka import errors
from lineal.bus.kafka.assignment import (
    PROTOCOL,
    PROTOCOL_TYPE,
    Assignment,
    Claim,
    assign,
    assignment_bytes,
    claim_bytes,
    read_assignment,
    read_claim,
)
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import Forbidden, NotAMember, TryAgain
from lineal.bus.kafka.requests import HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, SYNC_GROUP, Call
from lineal.bus.kafka.transactions import Membership
from lineal.bus.protocol import BusUnavailable

log = structlog.get_logger(__name__)

_MOST_HEARTBEAT_SECONDS = 1.0
_HEARTBEATS_A_SESSION = 4
_PAUSE_SECONDS = 0.1
_LONG_PAUSE_SECONDS = 5.0


class Holder(Protocol):
    """Who works on the partitions."""

    def given(self, partitions: Collection[TopicPartition]) -> None:
        """These are ours from now on."""
        ...

    def asked_back(self, partitions: Collection[TopicPartition]) -> None:
        """Finish what has begun in these, then :meth:`Member.let_go`."""
        ...

    def kept(self, partitions: Collection[TopicPartition]) -> None:
        """These, asked back before, may stay after all."""
        ...

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """These belong to others already."""
        ...


class Superseded(Exception):
    """Another process has this worker's slot."""


class Member:
    """One member of a group.

    Args:
        instance: known to the group beyond the life of the process: a successor of the same name
            takes the member's place at once.
        session_seconds: how long the group waits for a member that gives no sign.
        patience_seconds: how long holders may take to let go of what moves.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Sequence[str],
        instance: str,
        holder: Holder,
        *,
        session_seconds: float,
        patience_seconds: float,
    ) -> None:
        self._connection = connection
        self._group = group
        self._topics = tuple(topics)
        self._instance = instance
        self._holder = holder
        self._session_ms = round(session_seconds * 1000)
        self._pause = min(_MOST_HEARTBEAT_SECONDS, session_seconds / _HEARTBEATS_A_SESSION)
        self._patience_seconds = patience_seconds
        self._lane = f"member {group} {instance}"
        self._member = ""
        self._generation = -1
        self._held: set[TopicPartition] = set()
        self._asked_back: set[TopicPartition] = set()
        self._wake = asyncio.Event()
        self._rejoin = False
        self._incomplete_since: float | None = None
        self._joined = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._counts: dict[str, int] = {}
        """How many partitions topics had when they were dealt out."""
        self._stop_looking: Callable[[], None] | None = None
        self._heard = asyncio.get_running_loop().time()
        self._trouble: str | None = None
        self._session_seconds = session_seconds

    @property
    def membership(self) -> Membership:
        """As whom offsets are committed now."""
        return Membership(self._group, self._generation, self._member, self._instance)

    @property
    def problem(self) -> str | None:
        """What keeps it from being a member."""
        if self._trouble is not None:
            return self._trouble
        silent = asyncio.get_running_loop().time() - self._heard
        if silent > 2 * self._session_seconds:
            return f"group {self._group}: Kafka has not answered for {silent:.0f} seconds"
        return None

    async def open(self) -> None:
        """Join; returns when the group has taken this member in.

        Raises:
            BusUnavailable: that took too long.
        """
        self._living = asyncio.create_task(self._live(), name=f"member of {self._group}")
        self._stop_looking = self._connection.on_refreshed(self._look_for_more)
        joined = asyncio.create_task(self._joined.wait())
        await asyncio.wait((joined, self._living), timeout=60, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        if not self._joined.is_set():
            self._living.cancel()
            raise BusUnavailable(
                self._trouble or f"Kafka has not let this worker into group {self._group}"
            )

    async def close(self) -> None:
        """Leave."""
        if self._stop_looking is not None:
            self._stop_looking()
            self._stop_looking = None
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        if self._trouble is not None:
            return
        try:
            request = LEAVE_GROUP(self._group, [(self._member, self._instance)])
            await self._connection.ask_coordinator("group", self._group, request)
        except BusUnavailable as error:
            # The group finds out by itself when the session is over.
            log.warning("group.cannot_leave", group=self._group, error=str(error))

    def let_go(self, partitions: Collection[TopicPartition]) -> None:
        """These are no longer worked on; others may have them."""
        self._held.difference_update(partitions)
        if self._asked_back:
            self._asked_back.difference_update(partitions)
            if not self._asked_back:
                self.rejoin()

    def rejoin(self) -> None:
        """Have the group deal out its partitions anew."""
        self._rejoin = True
        self._wake.set()

    async def until_changed(self, from_membership: Membership, seconds: float) -> None:
        """Wait until the group has said what became of this member.

        Raises:
            TryAgain: it has not.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        self._wake.set()  # a heartbeat finds out
        while self.membership == from_membership:
            if asyncio.get_running_loop().time() > deadline:
                raise TryAgain(f"group {self._group} has not said what became of this worker")
            await asyncio.sleep(0.005)

    async def _live(self) -> None:
        while True:
            try:
                await self._join()
                self._trouble = None
                self._joined.set()
                await self._stay()
            except NotAMember as error:
                log.info("group.lost_membership", group=self._group, reason=str(error))
                self._lose_all()
            except Superseded:
                self._trouble = (
                    f"another process works as {self._instance} in group {self._group}: give each "
                    "its own LINEAL_KAFKA__SLOT"
                )
                log.critical("group.superseded", group=self._group, instance=self._instance)
                self._lose_all()
                return
            except TryAgain as error:
                log.warning("group.cannot_reach_coordinator", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            except Forbidden as error:
                self._trouble = str(error)
                if not self._joined.is_set():
                    return
                log.error("group.forbidden", group=self._group, error=str(error))
                await asyncio.sleep(_LONG_PAUSE_SECONDS)
            except Exception as error:
                # Whatever it is, a worker that stopped trying would silently stop working.
                log.error("group.cannot_join", group=self._group, error=repr(error))
                await asyncio.sleep(_LONG_PAUSE_SECONDS)

    def _lose_all(self) -> None:
        lost = set(self._held)
        self._held.clear()
        self._asked_back.clear()
        self._member, self._generation = "", -1
        if lost:
            self._holder.lost(lost)

    def _check(self, code: int, doing: str) -> None:
        self._heard = asyncio.get_running_loop().time()
        if code == errors.FENCED_INSTANCE_ID:
            raise Superseded
        self._connection.check_coordinator("group", self._group, code, doing)

    def _counted(self, topics: Collection[str]) -> dict[str, int]:
        return {topic: self._connection.partition_count(topic) for topic in topics}

    def _look_for_more(self) -> None:
        """Partitions that somebody added: whoever deals out has to do it anew, or nobody would work
        on them."""
        counts = self._counted(self._counts)
        if any(counts[topic] > known for topic, known in self._counts.items()):
            self.rejoin()

    async def _join(self) -> None:
        self._rejoin = False
        self._counts = self._counted(self._topics)
        claimed = frozenset(self._held)
        claim = claim_bytes(Claim(self._topics, claimed))
        while True:
            request = JOIN_GROUP(
                self._group, self._session_ms, self._session_ms, self._member, self._instance,
                PROTOCOL_TYPE, [(PROTOCOL, claim)],
            )  # fmt: skip
            answer = await self._ask(request)
            _, code, generation, _, leader, member, members = answer
            if code != errors.MEMBER_ID_REQUIRED:
                break
            self._member = member
        if code == errors.REBALANCE_IN_PROGRESS:
            raise TryAgain(f"group {self._group} is taking in members")
        self._check(code, f"joining group {self._group}")
        self._member, self._generation = member, generation
        dealt: list[tuple[str, bytes]] = []
        if leader == member and members:
            dealt = await self._deal(members)
        request = SYNC_GROUP(self._group, generation, member, self._instance, dealt)
        _, code, data = await self._ask(request)
        if code == errors.REBALANCE_IN_PROGRESS:
            self._rejoin = True
            return
        self._check(code, f"being given partitions in group {self._group}")
        self._take(read_assignment(data), claimed)

    async def _deal(
        self, members: Sequence[tuple[str, str | None, bytes]]
    ) -> list[tuple[str, bytes]]:
        claims = {member: read_claim(data) for member, _, data in members}
        topics = {topic for claim in claims.values() for topic in claim.topics}
        if not all(map(self._connection.partition_count, topics)):
            await self._connection.refresh()
        self._counts = counts = self._counted(topics)
        order = {member: instance or member for member, instance, _ in members}
        assignments = assign(claims, counts, order)
        return [(member, assignment_bytes(item)) for member, item in assignments.items()]

    def _take(self, assignment: Assignment, claimed: Collection[TopicPartition]) -> None:
        given = assignment.partitions - self._held
        kept = assignment.partitions & self._asked_back
        # Of what was claimed, some may have been let go of while the group was dealing.
        unwanted = frozenset(claimed) - assignment.partitions
        asked_back = unwanted & self._held - self._asked_back
        self._asked_back = set(unwanted & self._held)
        self._held.update(given)
        loop = asyncio.get_running_loop()
        self._incomplete_since = loop.time() if assignment.incomplete else None
        log.debug(
            "group.joined", group=self._group, generation=self._generation,
            partitions=len(self._held), given=len(given), asked_back=len(asked_back),
        )  # fmt: skip
        if kept:
            self._holder.kept(kept)
        if given:
            self._holder.given(given)
        if asked_back:
            self._holder.asked_back(asked_back)
        if unwanted and not self._asked_back:
            self._rejoin = True

    async def _stay(self) -> None:
        """Until the group is dealt out anew."""
        while not self._rejoin:
            try:
                async with asyncio.timeout(self._pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if self._rejoin or self._tired_of_waiting():
                return
            request = HEARTBEAT(self._group, self._generation, self._member, self._instance)
            try:
                _, code = await self._ask(request)
                if code == errors.REBALANCE_IN_PROGRESS:
                    self._heard = asyncio.get_running_loop().time()
                    return
                self._check(code, f"staying in group {self._group}")
            except TryAgain as error:
                # Still a member, as far as anybody knows.
                log.warning("group.cannot_reach_coordinator", group=self._group, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    def _tired_of_waiting(self) -> bool:
        """Whether the one who was to let go of partitions, so that all can be dealt out, seems to
        have been replaced by one who knows nothing of it."""
        if self._incomplete_since is None:
            return False
        waited = asyncio.get_running_loop().time() - self._incomplete_since
        return waited > self._patience_seconds * (1.0 + random.random())  # noqa: S311

    async def _ask(self, call: Call) -> Any:
        return await self._connection.ask_coordinator("group", self._group, call, self._lane)
