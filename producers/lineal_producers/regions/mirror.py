"""Brings the events of a batch from one region to another, each once, with its objects.

What is known of an event is by its source and id. The target keeps which events it was brought, in
the transaction that publishes them where it can: an event that is delivered by the source again is
found to be known. With it the target keeps the installations that an event came through, so that a
link back, or around, does not bring it to where it has been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from pydantic import ValidationError

from lineal.bus.erased_event import ERASED
from lineal.bus.protocol import Addressed, Delivery
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.erasure.erasures import erasure_times
from lineal.errors import ObjectCorrupt, ObjectMissing, StateConflict
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, Outcome, Record, StepEntry, digest, record_of
from lineal.observability.tracing import trace_id
from lineal.stages.pipeline.marks import UnmarkedEvent, check_mark
from lineal_producers.regions.linked_events import EventLinked, LinkedEvent, linked_events
from lineal_producers.regions.object_copies import copy_objects, referred_objects
from lineal_producers.regions.region import Region
from lineal_schemas.envelope import RawEvent, now_us
from lineal_schemas.objects import ObjectRef

KIND = "link"
"""Kind of the record at the target."""
_BYTES_AT_ONCE = 8 * 1024 * 1024
"""Of data in one transaction."""


def link_actor(link: str) -> str:
    """Who sent an event that a link brought. No role is given to it: who may do something in one
    region may not do it in another because an event says so."""
    return f"link:{link}"


@dataclass(slots=True)
class Mirrored:
    """What became of the events of a batch."""

    brought: int = 0
    known: int = 0
    """The target had been brought them before."""
    returning: int = 0
    """They come from the target."""
    erased: int = 0
    """Their subject was erased, here or there."""
    rejected: dict[str, str] = field(default_factory=dict)
    """Why, by the event's id."""


@dataclass(slots=True)
class _Brought:
    """What is published together."""

    outputs: list[Addressed] = field(default_factory=list)
    linked: list[EventLinked] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    bytes: int = 0


class Mirror:
    """Brings events over a link.

    Args:
        link: its name.
    """

    def __init__(self, link: str, source: Region, target: Region) -> None:
        self._link = link
        self._source = source
        self._target = target

    async def open(self) -> None:
        """Wait until the target's store has everything that was brought to it before."""
        await self._target.runtime.flush_ledger()

    async def mirror(self, deliveries: Sequence[Delivery]) -> Mirrored:
        """Bring events to the target; durable there on return.

        Raises:
            BusUnavailable, StoreUnavailable: a side is away; bring the same again.
        """
        while True:
            try:
                return await self._mirror(deliveries)
            except StateConflict:
                # Another link has brought one of them meanwhile: it is known now.
                continue

    async def _mirror(self, deliveries: Sequence[Delivery]) -> Mirrored:
        done = Mirrored()
        names = list(dict.fromkeys((item.event.source, item.event.id) for item in deliveries))
        known = set(await self._target.runtime.store.read(partial(linked_events, events=names)))
        routes = await self._routes(deliveries, names)
        erased = await self._erasures({item.event.correlationid for item in deliveries})
        pending = _Brought()
        for delivery in deliveries:
            event = delivery.event
            name = event.source, event.id
            came = routes.get(name)
            if name in known:
                done.known += 1
            elif came is not None and self._target.installation in came.route:
                done.returning += 1
            elif event.type == ERASED or event.time <= erased.get(event.correlationid, -1):
                done.erased += 1
            else:
                known.add(name)
                await self._take(delivery, () if came is None else came.route, pending, done)
                if pending.bytes > _BYTES_AT_ONCE:
                    await self._publish(pending)
                    done.brought += len(pending.outputs)
                    pending = _Brought()
        await self._publish(pending)
        done.brought += len(pending.outputs)
        return done

    async def _routes(
        self, deliveries: Sequence[Delivery], names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], LinkedEvent]:
        """Those of the events that the source was brought itself."""
        ask = partial(linked_events, events=names)
        runtime = self._source.runtime
        found = await runtime.store.read(ask)
        if any(
            (item.event.actor or "").startswith(link_actor(""))
            and (item.event.source, item.event.id) not in found
            for item in deliveries
        ):
            # The event is on the bus, and what is known of it may be on its way to the store.
            await runtime.flush_ledger()
            found = await runtime.store.read(ask)
        return found

    async def _erasures(self, subjects: set[str]) -> dict[str, int]:
        times: dict[str, int] = {}
        for region in (self._source, self._target):
            found = await region.runtime.store.read(partial(erasure_times, subjects=subjects))
            for subject, at in found.items():
                times[subject] = max(at, times.get(subject, at))
        return times

    async def _take(
        self, delivery: Delivery, route: tuple[str, ...], pending: _Brought, done: Mirrored
    ) -> None:
        """Have an event published with the others, its objects being there before; or rejected."""
        event, started = delivery.event, now_us()
        objects: list[ObjectRef] = []
        reason = await self._forged(delivery)
        if reason is None:
            source, target = self._source.runtime.objects, self._target.runtime.objects
            try:
                objects = await referred_objects(event, source)
                await copy_objects(objects, source, target)
            except ObjectMissing:
                reason = "an object that it refers to is not in the source's store"
            except ObjectCorrupt:
                reason = "an object that it refers to is not what its digest says"
            except ValidationError:
                reason = "the reference to its data is malformed"
        if reason is None:
            brought = event._replace(actor=link_actor(self._link), mark=None)
            pending.outputs.append((delivery.position.topic, brought))
            pending.bytes += len(event.data)
        else:
            done.rejected[event.id] = reason
        pending.linked.append(self._linked(event, route, reason))
        pending.records.append(self._record(delivery, objects, started, reason))

    async def _forged(self, delivery: Delivery) -> str | None:
        """Why nobody is known to have made an event; None where somebody is, or anybody may."""
        runtime = self._source.runtime
        if runtime.marks is None:
            return None
        try:
            await check_mark(delivery, runtime.marks, runtime.broker_types)
        except UnmarkedEvent:
            return "nobody of the source's installation has published it as it is"
        return None

    def _linked(self, event: RawEvent, route: tuple[str, ...], reason: str | None) -> EventLinked:
        return EventLinked(
            event.source,
            event.id,
            self._link,
            "brought" if reason is None else "rejected",
            " ".join((*route, self._source.installation)),
            now_us(),
            self._target.runtime.bus.capabilities.transactional_effects,
        )

    def _record(
        self, delivery: Delivery, objects: Sequence[ObjectRef], started: int, reason: str | None
    ) -> Record:
        """What the target's ledger says of where an event came from."""
        event, position = delivery.event, delivery.position
        made = [Artifact(digest(event.data), event.datacontenttype, len(event.data), "event")]
        made += [Artifact(ref.sha256, ref.media_type, ref.bytes, "object") for ref in objects]
        outcome: Outcome = "done" if reason is None else "rejected"
        attributes: dict[str, int | str] = {
            "link": self._link,
            "event": event.id,
            "topic": position.topic,
            "from": self._source.name,
            "from_installation": self._source.installation,
            "from_partition": position.partition,
            "from_offset": position.offset,
            "to": self._target.name,
            "to_installation": self._target.installation,
        }
        if event.actor is not None:
            attributes["sent_by"] = event.actor
        entry = StepEntry(
            event.correlationid,
            started,
            worked=now_us() - started,
            kind=KIND,
            outcome=outcome,
            events_out=(event.id,) if reason is None else (),
            outputs=tuple(made) if reason is None else (),
            reason=reason,
            attributes=attributes,
            trace=trace_id(event.traceparent),
        )
        return record_of(entry, build=None, actor=link_actor(self._link), worker=this_worker())

    async def _publish(self, pending: _Brought) -> None:
        if pending.linked:
            effects: list[Effect] = [*pending.linked, *lineage_records(pending.records)]
            await self._target.runtime.committer.publish(pending.outputs, effects)
