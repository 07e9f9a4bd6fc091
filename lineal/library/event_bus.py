"""``open_bus``: the bus of a data folder, or of a broker and a store, inside one's own program."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from lineal.admission import AdmissionPolicy, admit, publish
from lineal.bus.protocol import Start
from lineal.daemon import Daemon
from lineal.library.consumer import DEFAULT_IN_FLIGHT, Consumer
from lineal.library.publishing_later import (
    cancel_later,
    end_schedule,
    publish_later,
    set_schedule,
)
from lineal.library.replies import Replies
from lineal.observability.tracing import ambient_traceparent, child_traceparent
from lineal.registry.events import encode_foreign
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages
from lineal.stages.schedules import PlannedSchedule, Schedule, planned_schedules
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)

DEFAULT_SOURCE = "app"


@asynccontextmanager
async def open_bus(
    settings: Settings | None = None, *, source: str = DEFAULT_SOURCE, **options: Any
) -> AsyncIterator[EventBus]:
    """Open a bus for this program, as an async context manager.

    Where the program has not configured structlog, warnings and errors go to standard error.

    Args:
        settings: of the bus; None: those of ``lineal.toml`` and the environment.
        source: what the events that this program publishes are said to come from: with their id it
            is what they are known by.
        options: single settings, as ``data="data"`` or ``bus="kafka://localhost:9092"``.

    Raises:
        UnsupportedSetting: the settings name a bus or a store that there is not.
        BusUnavailable, StoreUnavailable: they cannot be reached.
        OSError: the data folder cannot be used.
    """
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
    chosen = Settings(**options) if settings is None else settings.model_copy(update=options)
    async with open_runtime(chosen) as runtime:
        bus = EventBus(runtime, source)
        try:
            yield bus
        finally:
            await bus.close()


class EventBus:
    """A bus that is open. Use :func:`open_bus`."""

    def __init__(self, runtime: Runtime, source: str) -> None:
        self._runtime = runtime
        self._source = source
        self._policy = AdmissionPolicy(name="library", types=runtime.broker_types)
        self._replies = Replies(runtime, source)
        self._services: Daemon | None = None
        self._running: dict[str, Stage] = {}
        """What applies effects, sweeps and signs while there are consumers."""
        self._stack = AsyncExitStack()

    @property
    def runtime(self) -> Runtime:
        """Its bus, store and objects, for what this class has no method for."""
        return self._runtime

    async def publish(
        self,
        *payloads: Payload,
        id: str | None = None,
        actor: str | None = None,
        at: datetime | None = None,
    ) -> list[str]:
        """Publish events; durable on return, and of one call all or none. Returns their ids.

        Args:
            id: of the event, where there is one payload. Derive it from what the event is made of
                (the key of a request, say): published again under the same id, it counts once.
                None draws one.
            actor: who has sent it, as ``user:ann``; None: this program.
            at: publish later, at this time (with its zone), once; any daemon does it, or a program
                that consumes or runs stages. :meth:`cancel` takes it back, and the same id with
                another time moves it.

        Raises:
            NotAllowed: events of this type are made by a stage, or by lineal itself.
            PermanentFailure: an event cannot be admitted, or does not fit its schema of the
                registry; says why.
            WrongConfiguration: the type is one of a schema registry, and none is set.
            BusUnavailable, StoreUnavailable, RegistryUnavailable: try again, under the same id.
        """
        if id is not None and len(payloads) != 1:
            raise TypeError("an id is that of one event: publish the payloads one by one")
        events = [await self._event(payload, id or str(uuid4()), actor) for payload in payloads]
        if at is None:
            await publish(self._runtime.bus, self._runtime.objects, [(e.type, e) for e in events])
        else:
            await publish_later(self._runtime, events, at)
        return [event.id for event in events]

    async def cancel(self, id: str) -> None:
        """Take back an event that was to be published later, if it is not yet."""
        await cancel_later(self._runtime, id)

    async def schedule(
        self, name: str, cron: str, payload: Payload, *, zone: str = "UTC", actor: str | None = None
    ) -> datetime:
        """Publish an event again and again, each time once however many daemons there are; times at
        which none ran are made up for. Returns the first time.

        Args:
            name: of the schedule; one of the same name is replaced.
            cron: minute, hour, day of the month, month, day of the week: ``"0 6 * * MON-FRI"``.
            zone: the time zone that it is meant in, as ``Europe/Berlin``.
            actor: see :meth:`publish`.

        Raises:
            WrongSchedule: the expression or the zone is none.
            NotAllowed: see :meth:`publish`.
        """
        event = await self._event(payload, f"schedule {name}", actor)
        return await set_schedule(self._runtime, Schedule(name, cron, zone), event)

    async def end_schedule(self, name: str) -> None:
        """End a schedule, if there is one of this name."""
        await end_schedule(self._runtime, name)

    async def schedules(self) -> Sequence[PlannedSchedule]:
        """All schedules, with their next times."""
        return await self._runtime.store.read(planned_schedules)

    async def _event(self, payload: Payload, identifier: str, actor: str | None) -> RawEvent:
        traceparent = ambient_traceparent()
        if traceparent is not None:
            # The program's own trace goes on.
            correlation_id = payload.correlation_key() or identifier
            traceparent = child_traceparent(traceparent, correlation_id, identifier)
        sender = actor or f"process:{self._source}"
        event = first_event(
            payload, id=identifier, source=self._source, traceparent=traceparent, actor=sender
        )
        admitted = admit(event, self._policy, payload=payload, actor=sender)
        return await encode_foreign(self._runtime.codec, admitted, payload)

    @asynccontextmanager
    async def subscribe(
        self,
        group: str,
        *types: type[P],
        produces: Sequence[type[Payload]] = (),
        start: Start = "beginning",
        version: str = "1",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        ack_seconds: float = 3600.0,
    ) -> AsyncIterator[Consumer[P]]:
        """Consume events as a member of a group of one's own, as an async context manager.

        Programs that name the same group share its events. Events of one key come one after
        another: the next one when the last is acknowledged. What is not acknowledged when the
        program ends, however it ends, comes again.

        Args:
            types: of the events.
            produces: the types of events that are published with acknowledgements.
            start: where a new group begins.
            version: part of the ids of the events that are published with acknowledgements.
            max_in_flight: how many events are handed out and not acknowledged yet, at most.
            ack_seconds: an event that is not acknowledged for so long has failed, and is handed out
                again, or becomes a dead letter of the group.

        Raises:
            TypeError: the group's name is none, or a type is no payload.
            BusUnavailable: the broker is away.
        """
        await self._serve()
        consumer: Consumer[P] = Consumer(
            self._runtime, group, types, produces=produces, version=version,
            max_in_flight=max_in_flight, ack_seconds=ack_seconds,
        )  # fmt: skip
        await consumer.open(start)
        try:
            yield consumer
        finally:
            await consumer.close()

    @asynccontextmanager
    async def run(self, *stages: Stage) -> AsyncIterator[Daemon]:
        """Run stages in this process, as an async context manager; at its end they finish what they
        have begun.

        Raises:
            WrongConfiguration: the settings of a stage do not fit it.
            BusUnavailable, StoreUnavailable
        """
        daemon = Daemon(self._runtime, stages)
        if self._services is None:
            self._services = daemon
        running = {stage.name: stage for stage in stages}
        self._running |= running
        try:
            await daemon.start()
            yield daemon
        finally:
            await daemon.stop()
            for name in running:
                self._running.pop(name, None)
            if self._services is daemon:
                self._services = None

    async def request(
        self,
        payload: Payload,
        reply: type[P],
        *,
        seconds: float = 10.0,
        id: str | None = None,
        actor: str | None = None,
    ) -> P:
        """Publish an event and wait for what a stage makes of it.

        Args:
            reply: the type of the answer: the first event of it that the request has caused.
            seconds: how long to wait.
            id: see :meth:`publish`. Under the id of a request that was handled before nothing is
                handled, so nothing answers.
            actor: see :meth:`publish`.

        Raises:
            RequestFailed: the first word on it was not an answer: a group that makes answers has
                rejected it, or given it up.
            RequestSkipped: all stages that make answers, as far as they are installed here or run
                in this process, have skipped it.
            NoReply: none came in time; one may come yet.
            As :meth:`publish`.
        """
        identifier = id or str(uuid4())
        makers = [
            stage.name
            for stage in {**installed_stages(), **self._running}.values()
            if reply in stage.produces and type(payload) in stage.handlers
        ]
        async with self._replies.expect(identifier, reply, makers) as answer:
            await self.publish(payload, id=identifier, actor=actor)
            return await answer(seconds)

    async def _serve(self) -> None:
        if self._services is None:
            self._services = daemon = Daemon(self._runtime, ())
            self._stack.push_async_callback(daemon.stop)
            await daemon.start()

    async def close(self) -> None:
        """End what this program has begun on the bus."""
        await self._replies.close()
        await self._stack.aclose()
