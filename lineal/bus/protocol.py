"""The bus contract: publish, subscribe, commit, seek, lag. Stages never use it directly.

A topic is named after the type of its events. Within a topic, events of one partition key stand in
one partition, in the order in which they were published. A group is a set of workers that share
the work on its topics; each group sees every event.

The contract is data: what a worker hands to :meth:`Subscription.commit` is a :class:`Batch` of
acknowledged deliveries, output events and effects. How effects reach a store is not the bus's
matter where it does not share a transaction with one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from lineal.effects.effect import Effect
from lineal.errors import LinealError
from lineal_schemas.envelope import RawEvent

Start = Literal["beginning", "now"]

Addressed: TypeAlias = tuple[str, RawEvent]
"""Topic and event. The topic is the event's type, but for dead letters and what is redriven."""

PublishFenced: TypeAlias = Callable[[Sequence[Addressed], Sequence[Effect]], Awaitable[None]]
"""Publishes outputs and effects under a name, as :meth:`FencingBus.fenced` says."""

OnRevoking: TypeAlias = Callable[[Collection[tuple[str, int]]], None]
"""Called with the (topic, partition) pairs that a worker has to release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a bus guarantees. The conformance suite asks for exactly this.

    Attributes:
        transactional_outputs: outputs and positions are one transaction: no output is ever seen
            twice.
        applies_effects: the effects of a batch are applied to the store when its commit returns;
            else those that were not applied before travel with it, and follow.
        transactional_effects: effects are in that same transaction.
        seek: positions of a group can be moved, and what is past be read again.
        keeps_unhandled: expired events stay until every group has handled them.
        partitions: a group's work is dealt out by partition: each has one owner at a time, and
            keeps what is done beyond an event that is not. Else it is dealt out by key.
        erases: the events about a subject can be erased. Else they stay until their retention ends,
            and workers leave out those of erased subjects.
    """

    transactional_outputs: bool
    applies_effects: bool
    transactional_effects: bool
    seek: bool
    keeps_unhandled: bool = False
    partitions: bool = True
    erases: bool = False


class Position(NamedTuple):
    """The topic, partition and offset of an event."""

    topic: str
    partition: int
    offset: int

    @property
    def text(self) -> str:
        """All three, parted by slashes."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Delivery(NamedTuple):
    """An event handed to a group, to be acknowledged or released."""

    position: Position
    event: RawEvent
    assignment: int = 0
    """The assignment of its partition that it belongs to: a worker that lost a partition and was
    assigned it again gets its events again, and work begun before no longer counts."""


class Batch(NamedTuple):
    """What a worker makes durable at once: all of it or nothing."""

    acks: Sequence[Delivery] = ()
    """Deliveries that are handled."""
    outputs: Sequence[Addressed] = ()
    effects: Sequence[Effect] = ()


class AssignmentLost(LinealError):
    """Some deliveries of a batch belong to another worker now, which handles them again. Nothing of
    the batch took effect: commit it again without them and their results."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        super().__init__(f"{len(deliveries)} deliveries belong to another worker now")
        self.deliveries = deliveries


class PartitionLag(NamedTuple):
    """How far a group is in a partition of a topic; offsets count from 0."""

    partition: int
    position: int
    """Everything below is done."""
    end: int
    """The offset the next published event will get."""
    owner: str | None
    unhandled: int | None = None
    """Events that are not done, or at most so many; None: as many as there are offsets."""

    @property
    def lag(self) -> int:
        return self.end - self.position if self.unhandled is None else self.unhandled


class GroupInfo(NamedTuple):
    """How far a group is in a topic, and whether anybody works for it."""

    group: str
    topic: str
    partitions: tuple[PartitionLag, ...]
    works_elsewhere: bool = False
    """Whether a living worker of another process is a member of the group."""

    @property
    def lag(self) -> int:
        return sum(partition.lag for partition in self.partitions)


class TopicInfo(NamedTuple):
    """What `lineal topics` shows of a topic."""

    topic: str
    partitions: int
    """0 on a bus that has none."""
    events: int
    """Events that are still there to be read."""
    published_last_minute: int | None
    """None on a bus that does not know."""
    retention_seconds: int | None
    groups: tuple[GroupInfo, ...]
    counted: bool = True
    """Whether ``events`` was counted; else there are at most so many: Kafka's offsets, of which the
    end of each transaction takes one."""


def active_groups(infos: Iterable[TopicInfo]) -> set[str]:
    """The groups that living workers of other processes are members of."""
    return {group.group for info in infos for group in info.groups if group.works_elsewhere}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """How a topic is kept.

    Attributes:
        partitions: how many workers can share the topic at most; keys are spread over them.
        retention_seconds: events older than this are removed once every group has handled
            them; None keeps them for ever. A broker that removes events by itself does so
            whether they are handled or not.
        compacted: of the events of a key only the newest is kept, where the bus can.
    """

    partitions: int = 8
    retention_seconds: int | None = None
    compacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which part of a topic a bounded subscription (a replay) takes.

    Times are microseconds since the Unix epoch; ``to`` is exclusive.
    """

    from_time: int | None = None
    to_time: int | None = None
    from_offset: int | None = None
    to_offset: int | None = None
    from_now: bool = False
    """Only what is published after the reading began, whatever time the events carry."""
    key: str | None = None
    event_ids: frozenset[str] | None = field(default=None, repr=False)
    partitions: frozenset[int] | None = None
    """Only of these, on a bus that has them: no key is in two."""

    def reads(self, partition: int) -> bool:
        return self.partitions is None or partition in self.partitions

    def matches(self, event: RawEvent) -> bool:
        return (
            (self.key is None or event.partitionkey == self.key)
            and (self.from_time is None or event.time >= self.from_time)
            and (self.to_time is None or event.time < self.to_time)
            and (self.event_ids is None or event.id in self.event_ids)
        )


class Subscription(Protocol):
    """A worker of a group. Fetched deliveries are in flight until they are acknowledged or
    released."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        """The next events, at most ``limit``, in order within each partition.

        ``limit`` is all the room the caller has left. A partition that has more in flight than
        that may be left out, so that slow keys in one do not fill the room and hold up others.

        Await it in the task that knows what it returned before: a partition may be revoked in the
        next moment, and what nobody knows of would not be released with the rest, and overtake it.

        Returns an empty list when none came within ``seconds``.

        Raises:
            BusUnavailable: why nothing comes: the broker is away, the membership is lost.
        """
        ...

    async def commit(self, batch: Batch) -> None:
        """Make a batch durable, all of it or nothing: acknowledgements, outputs, effects.

        What is not known to have taken effect (:class:`BusUnavailable`) is to be committed again
        as it was: the bus finds out whether it did.

        Raises:
            AssignmentLost: nothing took effect; commit again without these deliveries.
            BusUnavailable, StoreUnavailable: none of it is to blame; try again with the same batch.
            Exception: nothing took effect; something in the batch cannot be committed.
        """
        ...

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give up events untouched: they will be delivered again, here or elsewhere."""
        ...

    async def close(self) -> None:
        """Release what is in flight and leave the group."""
        ...


class Bus(Protocol):
    """A transport for events."""

    capabilities: Capabilities

    @property
    def identity(self) -> str:
        """The same for all processes on the same topics, and for no other bus."""
        ...

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        """Append events to their topics, made where missing, together with effects; returns when
        they are durable.

        Raises:
            BusUnavailable, StoreUnavailable: try again; ids make a repetition harmless.
        """
        ...

    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        on_revoking: OnRevoking | None = None,
    ) -> Subscription:
        """Join a group.

        Args:
            start: where to begin in topics the group has no position in yet.
            on_revoking: called when partitions have to be given up: what of them has not begun is
                to be released, what has begun may be committed for a while.
        """
        ...

    def read(
        self,
        topic: str,
        selection: Selection | None = None,
        *,
        follow: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> AsyncIterator[Delivery]:
        """Read a topic without a group: to look, to follow, to replay.

        Args:
            begun: called when it is settled where the reading begins: what is published from then
                on is among what it gives.

        Raises:
            UnknownTopic: there is no such topic.
            NotOffered: the bus does not keep what is past.
        """
        ...

    async def seek(self, group: str, topic: str, *, offset: int | None, time: int | None) -> None:
        """Move a group to an offset in every partition, or to the first event not before a time
        (microseconds). Workers of the group go on from there.

        Raises:
            UnknownTopic: there is no such topic.
            NotOffered: the bus has no positions to move.
        """
        ...

    async def topics(self) -> list[TopicInfo]:
        """All topics with their groups, lag and workers."""
        ...

    async def create_topic(
        self,
        topic: str,
        settings: TopicSettings | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> None:
        """Make sure that a topic exists; partitions of an existing one are never changed.

        Args:
            groups: those that are to see every event from now on, whether or not they work yet; a
                bus that keeps all events for every group ignores it.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class FencingBus(Protocol):
    """A bus on which a process can be kept from publishing, where it shares no transaction with the
    store that knows who may."""

    async def fenced(self, name: str) -> PublishFenced:
        """Take a name that one process has at a time: what another one has begun to publish under
        it is aborted, and all that it begins later is refused.

        What is returned raises :class:`BusUnavailable` where nothing was published or that is in
        doubt: look whether the name is still one's own, then try again with the same.

        Raises:
            BusUnavailable
        """
        ...


@runtime_checkable
class AssignmentCheck(Protocol):
    """A subscription on a bus that shares no transaction with the store."""

    def check_assigned(self, deliveries: Sequence[Delivery]) -> None:
        """To be called before the store is written: what the worker knows to be another's by now
        is not to change it.

        Raises:
            AssignmentLost: some belong to another worker now.
        """
        ...
