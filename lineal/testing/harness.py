"""``StageHarness``: runs one or several stages to their end for every event sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, TypeVar

from pydantic import BaseModel

from lineal.artifact_in_use import ArtifactInUse
from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Subscription
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.dependencies.dependencies import Dependencies
from lineal.errors import LinealError
from lineal.former_names import FormerHarness
from lineal.library.publishing_later import set_schedule
from lineal.lineage.actor import this_worker
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.result import StepResult, to_batch
from lineal.stages.retry import RetryPolicy
from lineal.stages.schedules import OF_NO_STAGE, Schedule
from lineal.stages.services import Services
from lineal.stages.state import StoredState
from lineal.stages.state_values import decode_value
from lineal.stages.timers import TimerClock
from lineal.stages.topics import stage_topics
from lineal.store.objects import reference
from lineal.testing.clock import START_US, Clock
from lineal.testing.substitutes import InMemoryArtifacts, InProcessWorkers
from lineal_schemas.envelope import Event, RawEvent, decode, first_event
from lineal_schemas.failures import DeadLetter, EventFailed
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)
T = TypeVar("T")

_FETCH_LIMIT = 1_000
_MAX_PAUSES = 100


class StillRetrying(LinealError):
    """An event was tried again a hundred times and is not done."""


@dataclass(slots=True)
class _Worker:
    executor: StageExecutor
    subscription: Subscription


class StageHarness(FormerHarness):
    """Runs stages as a daemon would, one event after another, without waiting for anything.

    Use it as an async context manager. Steps, retries, state, timers, memo, lineage and dead
    letters are the real ones; the bus and the store are in a temporary folder, and functions given
    to ``ctx.run`` run in this process. Pauses before a retry take no time: they turn the clock.

    Args:
        stages: those to run; what one emits and another consumes is handled by that one.
        config: the configuration of a stage, or of several: each stage takes the one of its type.
        start_us: what the clock begins with, in microseconds since the Unix epoch.

    Raises:
        TypeError: a configuration is of no stage.
    """

    def __init__(
        self,
        *stages: Stage,
        config: BaseModel | Sequence[BaseModel] = (),
        start_us: int = START_US,
    ) -> None:
        configs = [config] if isinstance(config, BaseModel) else list(config)
        for item in configs:
            if not any(isinstance(item, stage.config) for stage in stages):
                raise TypeError(f"none of the stages is configured by {type(item).__name__}")
        self._stages = stages
        self._configs = configs
        self.clock = Clock(start_us, self._next_due, self._fire)
        """The time that stages see, and that events are given."""
        self.artifacts: dict[str, ArtifactInUse] = {}
        """The artifacts in use, by name; see :meth:`use_artifact`."""
        self.records: list[RecordedStep] = []
        """What lineage has of all steps, in their order."""
        self.dead_letters: list[DeadLetter] = []
        """Dead letters: events that were rejected or failed."""
        self._emitted: list[Event[Payload]] = []
        self._numbers = count(1)
        self._pauses = 0
        self._dependencies = Dependencies({}, now=lambda: self.clock.now() / 1e6, sleep=self._pause)
        self._stack = AsyncExitStack()
        self._workers: list[_Worker] = []

    async def __aenter__(self) -> Self:
        folder = self._stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
        # Made without looking at the environment or a lineal.toml: a test depends on neither.
        settings = Settings.model_construct(
            data=Path(folder), durability="normal", partitions=1, workers=1
        )
        self._runtime: Runtime = await self._stack.enter_async_context(open_runtime(settings))
        self._timers = TimerClock(
            self._runtime.store,
            self._runtime.bus,
            [*(stage.name for stage in self._stages), *OF_NO_STAGE],
            self.clock.now,
        )
        for stage in self._stages:
            await self._start(stage)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self, stage: Stage) -> None:
        runtime = self._runtime
        services = Services(
            store=runtime.store,
            objects=runtime.objects,
            workers=InProcessWorkers(),
            worker_name=this_worker(),
            state=StoredState(runtime.store),
            artifacts=InMemoryArtifacts(runtime.store, self.artifacts),
            bus_erases=runtime.bus.capabilities.erases,
            dependencies=self._dependencies,
            now=self.clock.now,
        )
        config = next((c for c in self._configs if isinstance(c, stage.config)), None)
        executor = StageExecutor(
            stage,
            stage.config() if config is None else config,
            services,
            handler_seconds=runtime.settings.handler_seconds,
            pause=self._pause,
        )
        topics = stage_topics(stage)
        for topic in topics:
            await runtime.bus.create_topic(topic)
        subscription = await runtime.bus.subscribe(stage.name, topics)
        self._stack.push_async_callback(subscription.close)
        self._workers.append(_Worker(executor, subscription))

    async def send(
        self,
        message: Payload | Event[Payload] | RawEvent,
        *,
        id: str | None = None,
        actor: str | None = None,
    ) -> list[Payload]:
        """Publish a payload, or an event with an envelope of its own, and have everything handled
        that follows from it.

        Args:
            id: of the event, for a payload; None numbers them: ``event-1``, ``event-2``, ...
            actor: who sends it, as an ingress names them: ``user:ann``.

        Returns what the stages have emitted, in order.

        Raises:
            StillRetrying: a stage asks for a retry again and again.
        """
        before = len(self._emitted)
        event = self._event(message, id)
        if actor is not None:
            event = event._replace(actor=actor)
        await self._runtime.bus.publish([(event.type, event)])
        await self._handle_all()
        return [event.data for event in self._emitted[before:]]

    async def schedule(
        self, name: str, cron: str, payload: Payload, *, zone: str = "UTC"
    ) -> datetime:
        """Publish a payload again and again while the clock is turned, as a bus's ``schedule`` does
        (:meth:`lineal.library.EventBus.schedule`). Returns the first time.

        Raises:
            WrongSchedule: the expression or the zone is none.
        """
        event = self._event(payload, f"schedule {name}")
        schedule = Schedule(name, cron, zone)
        return await set_schedule(self._runtime, schedule, event, after_us=self.clock.now())

    async def handle_published(self) -> list[Payload]:
        """Have everything handled that was published otherwise, as by an act of a person.

        Returns what the stages have emitted, in order.
        """
        before = len(self._emitted)
        await self._handle_all()
        return [event.data for event in self._emitted[before:]]

    def _event(self, message: Payload | Event[Payload] | RawEvent, id: str | None) -> RawEvent:
        if isinstance(message, RawEvent):
            return message
        if isinstance(message, Payload):
            number = next(self._numbers)
            return first_event(
                message, id=id or f"event-{number}", source="test", time=self.clock.now()
            )
        event = first_event(message.data, id=message.id, source=message.source, time=message.time)
        return event._replace(
            subject=message.subject,
            partitionkey=message.partitionkey,
            correlationid=message.correlationid,
            causationid=message.causationid,
            traceparent=message.traceparent,
        )

    def outputs(self, kind: type[P]) -> list[P]:
        """What the stages have emitted of a type so far, in order."""
        return [event.data for event in self._emitted if isinstance(event.data, kind)]

    def events(self, kind: type[Payload] = Payload) -> list[Event[Payload]]:
        """What the stages have emitted of a type so far, with its envelope."""
        return [event for event in self._emitted if isinstance(event.data, kind)]

    async def put(self, data: bytes, media_type: str = "application/octet-stream") -> ObjectRef:
        """Store an object for a stage to read."""
        await self._runtime.objects.put_large(data)
        return reference(sha256(data).hexdigest(), len(data), media_type)

    async def get(self, ref: ObjectRef) -> bytes:
        """The bytes of an object that was stored here or by a stage.

        Raises:
            ObjectMissing: there is none.
        """
        return await self._runtime.objects.get(ref)

    async def use_artifact(
        self,
        name: str,
        data: bytes,
        *,
        version: int = 1,
        media_type: str = "application/octet-stream",
    ) -> ArtifactInUse:
        """Put an artifact into use under a name, in the place of the one before."""
        known = self.artifacts.get(name)
        ref = await self.put(data, media_type)
        counter = 1 if known is None else known.counter + 1
        used = ArtifactInUse(name, counter, version, ref.sha256, ref.bytes, media_type)
        self.artifacts[name] = used
        return used

    async def state(self, stage: Stage, key: str, kind: type[T]) -> T | None:
        """What a stage keeps under a key."""
        row = await StoredState(self._runtime.store).row(stage.name, key)
        return None if row is None or row.after is None else decode_value(kind, row.after)

    async def state_items(self, stage: Stage, prefix: str, kind: type[T]) -> dict[str, T]:
        """What a stage keeps under all keys that begin so."""
        rows = await StoredState(self._runtime.store).rows(stage.name, prefix)
        return {key: decode_value(kind, row.after) for key, row in rows if row.after is not None}

    async def timers(self, stage: Stage) -> dict[str, int]:
        """The timers a stage has set, by name: when they are due, in microseconds since the Unix
        epoch."""
        sql = "SELECT name, due FROM timers WHERE stage = ? ORDER BY due, name"
        return dict(
            await self._runtime.store.read(lambda c: c.execute(sql, (stage.name,)).fetchall())
        )

    @property
    def runtime(self) -> Runtime:
        """The bus and the store, for what this class has no method for."""
        return self._runtime

    async def _handle_all(self) -> None:
        """Run until no stage has an event left to handle."""
        busy = True
        while busy:
            busy = False
            for worker in self._workers:
                commit = self._runtime.committer.commit_of(worker.subscription)
                for delivery in await worker.subscription.fetch(_FETCH_LIMIT, 0):
                    busy = True
                    self._pauses = 0
                    result = await worker.executor.handle(delivery, RetryPolicy())
                    await commit(to_batch([result]))
                    await self._note(result)

    async def _note(self, result: StepResult) -> None:
        if result.record is not None:
            self.records += result.record.recorded()
        for topic, raw in result.outputs:
            event = decode(await check_out(raw, self._runtime.objects))
            if is_dead_letter_topic(topic) and isinstance(event.data, DeadLetter):
                self.dead_letters.append(event.data)
            elif not isinstance(event.data, EventFailed):
                self._emitted.append(event)

    async def _pause(self, seconds: float) -> None:
        self._pauses += 1
        if self._pauses > _MAX_PAUSES:
            raise StillRetrying(f"an event was tried {_MAX_PAUSES} times and is not done")
        self.clock.skip(seconds)
        await asyncio.sleep(0)

    async def _next_due(self) -> int | None:
        return await self._timers.next_due()

    async def _fire(self) -> None:
        while await self._timers.look():
            pass
        await self._handle_all()
