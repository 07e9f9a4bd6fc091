"""What a bus is: publish, subscribe, settle, seek, lag. No stage ever sees any of this.

A topic is named after the type of its events. Within a topic, events of one partition key stand in
one partition, in the order in which they were published. A group is a set of workers that share
the work on its topics; each group sees every event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from lineal.effects.effect import Effect
from lineal_schemas.envelope import RawEvent

if TYPE_CHECKING:
    from lineal.lineage.record import Record

Start = Literal["beginning", "now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a bus guarantees. The conformance suite asks for exactly this."""

    transactional_settle: bool
    """Outputs and positions are one transaction: no output is ever seen twice."""
    transactional_store: bool
    """Ledger, memo and metadata are in that same transaction; else the store follows, see
    :meth:`Bus.recorded`."""
    order_per_key: bool
    seek: bool
    shared_by_processes: bool
    survives_restart: bool
    keeps_unhandled: bool = False
    """Expired events stay until every group has handled them, and go when the bus is maintained."""
    partitions: bool = True
    """A group's work is dealt out by partition: each has one owner at a time, and keeps what is
    done beyond an event that is not. Else it is dealt out by key."""


class Position(NamedTuple):
    """Where an event stands."""

    topic: str
    partition: int
    offset: int


class Delivery(NamedTuple):
    """An event handed to a group, to be settled or released."""

    position: Position
    event: RawEvent
    generation: int = 0
    """Which holding of its partition it comes from: a worker that lost a partition and got it
    again is given its events anew, and what it began before no longer counts."""


@dataclass(slots=True)
class Settlement:
    """One handled event and all that follows from it, to be made durable together."""

    delivery: Delivery
    outputs: Sequence[tuple[str, RawEvent]] = ()
    """Topic and event."""
    record: Record | None = None
    effects: Sequence[Effect] = ()

    @property
    def touches_store(self) -> bool:
        """Whether it changes what another step could read."""
        return any(effect.read_by_others for effect in self.effects)


class PartitionLag(NamedTuple):
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
    group: str
    topic: str
    partitions: tuple[PartitionLag, ...]

    @property
    def lag(self) -> int:
        return sum(partition.lag for partition in self.partitions)


class TopicInfo(NamedTuple):
    topic: str
    partitions: int
    """0 on a bus that has none."""
    events: int
    """Events that are still there to be read."""
    published_last_minute: int | None
    """None on a bus that does not tell."""
    retention_seconds: int | None
    groups: tuple[GroupInfo, ...]
    counted: bool = True
    """Whether ``events`` was counted; else there are at most so many: Kafka's offsets, of which the
    end of each transaction takes one."""


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


class Subscription(Protocol):
    """A group's worker. Fetched deliveries are in flight until they are settled or released."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        """The next events, at most ``limit``, in order within each partition.

        ``limit`` is all the room the caller has left. A partition that has more in flight than
        that may be left out, so that slow keys in one do not fill the room and hold up others.

        Await it in the task that knows what it returned before: a partition may be asked back in
        the next moment, and what nobody knows of would not be released with the rest, and overtake
        it.

        Returns an empty list when none came within ``seconds``.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Make settlements durable: outputs published, records and effects kept, positions moved.

        Returns those that were not applied because their partition belongs to another worker now:
        that worker handles them again, so their results are to be dropped.

        Raises:
            BusUnavailable, StoreUnavailable: none of the settlements is to blame; nothing was
                published. They may be tried again.
            Exception: nothing was published; one of the settlements cannot be applied.
        """
        ...

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give up events untouched: they will be delivered again, here or elsewhere."""
        ...

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        """Call back with (topic, partition) pairs this worker has to give up: what of them has
        not begun is to be released; what has begun may still be settled for a while."""
        ...

    async def close(self) -> None:
        """Hand back what is in flight and leave the group."""
        ...


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

    def takes(self, event: RawEvent) -> bool:
        return (
            (self.key is None or event.partitionkey == self.key)
            and (self.from_time is None or event.time >= self.from_time)
            and (self.to_time is None or event.time < self.to_time)
            and (self.event_ids is None or event.id in self.event_ids)
        )


@runtime_checkable
class Provisions(Protocol):
    """A bus that keeps what is published only for the groups it knows."""

    async def provision(self, group: str, topics: Sequence[str]) -> None:
        """Make everything a group needs, whether or not it works yet: what is published from then
        on waits for it."""
        ...


class Bus(Protocol):
    """A transport for events."""

    capabilities: Capabilities

    async def create_topic(self, topic: str, settings: TopicSettings | None = None) -> None:
        """Make sure that a topic exists; partitions of an existing one are never changed."""
        ...

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        """Append events to their topics, made where missing; returns when they are durable."""
        ...

    async def subscribe(
        self, group: str, topics: Sequence[str], *, start: Start = "beginning"
    ) -> Subscription:
        """Join a group. ``start`` holds for topics the group has no position in yet."""
        ...

    async def groups_at_work(self) -> set[str]:
        """The groups that living workers of other processes are members of."""
        ...

    async def recorded(self) -> None:
        """Wait until the store shows every record that was settled before this call."""
        ...

    async def maintain(self) -> None:
        """Housekeeping that a daemon does now and then: retention, where no broker does it."""
        ...

    @property
    def problems(self) -> list[str]:
        """What keeps the bus from working in this process; empty when all is well."""
        ...

    async def settle_unowned(self, settlements: Sequence[Settlement]) -> None:
        """Make settlements durable without moving any group's position: what a replay does."""
        ...

    async def record(self, records: Sequence[Record]) -> None:
        """Append records of acts that have no event: a replay."""
        ...

    def read(
        self, topic: str, selection: Selection | None = None, *, follow: bool = False
    ) -> AsyncIterator[Delivery]:
        """Read a topic without a group: to look, to follow, to replay.

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
        """All topics with their groups and lag."""
        ...

    async def close(self) -> None: ...
