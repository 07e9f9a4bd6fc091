"""Runs the manifests that were sent over HTTP: one process of a data folder does."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from lineal.access.senders import credential_of_actor
from lineal.bus.claim_check import check_out
from lineal.errors import LinealError, Unavailable
from lineal.events_on_topic import events_on_topic, readable
from lineal.observability.tracing import first_traceparent
from lineal.producers import Producer
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.process_lock import ProcessLock
from lineal_producers.regions.coordinator import Coordinator, RunSettings
from lineal_producers.regions.job_events import JobEvents
from lineal_producers.regions.manifest_runs import manifest_of, policy_of
from lineal_producers.regions.region import open_region
from lineal_producers.regions.run_state import job_event_id, source_of_run
from lineal_producers.regions.settings import RegionSettings
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.regions import RegionRunEnded, RegionRunRequested

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.regions.run_state import JobState

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_PAUSE_SECONDS = 2.0


class ManifestWatch:
    """Begins each run that was asked for and has not ended; several at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.problem: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except* (Unavailable, OSError) as group:
                self.problem = str(group.exceptions[0])
                log.warning("regions.runs_interrupted", error=self.problem)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        await self._runtime.bus.create_topic(RegionRunRequested.type)
        ended = events_on_topic(self._runtime, RegionRunEnded)
        begun = {event.data.run async for event in ended}
        self.problem = None
        async with asyncio.TaskGroup() as group:
            read = self._runtime.bus.read(RegionRunRequested.type, follow=True)
            async for delivery in read:
                event = await check_out(delivery.event, self._runtime.objects)
                if not readable(RegionRunRequested.type, event):
                    continue
                requested = decode(event).data
                if not isinstance(requested, RegionRunRequested) or requested.run in begun:
                    continue
                marks = self._runtime.marks
                if marks is not None and not await marks.check(delivery.event):
                    log.warning("regions.run_unmarked", run=requested.run)
                    continue
                begun.add(requested.run)
                group.create_task(self._run(requested, event.actor or "nobody", slots))

    async def _run(
        self, requested: RegionRunRequested, actor: str, slots: asyncio.Semaphore
    ) -> None:
        async with slots:
            log.info("regions.run_begun", run=requested.run, jobs=requested.jobs)
            try:
                states = await self._coordinate(requested, actor)
            except Unavailable:
                raise
            except LinealError as error:
                await self._end(requested, (), str(error))
                return
            await self._end(requested, states, None)

    async def _coordinate(self, requested: RegionRunRequested, actor: str) -> list[JobState]:
        runtime = self._runtime
        # What somebody might when they asked they may not any more when their role was taken.
        sender = await runtime.store.read(partial(credential_of_actor, actor=actor))
        policy = policy_of(requested.operator, sender)
        regions = runtime.settings.section(RegionSettings)
        manifest = await manifest_of(runtime, requested)
        settings = RunSettings(
            away_seconds=requested.away_seconds,
            answer_seconds=requested.answer_seconds,
            attempts=requested.attempts,
            parallel=requested.parallel,
        )
        async with open_region(runtime.settings, regions.here, runtime) as home:
            events = JobEvents(manifest.run, home, sender, policy)

            def report(line: str) -> None:
                log.info("regions.run", run=manifest.run, text=line)

            return await Coordinator(
                runtime, manifest, events, regions.names, settings, report
            ).run()

    async def _end(
        self, requested: RegionRunRequested, states: list[JobState] | tuple[()], problem: str | None
    ) -> None:
        done = sum(state.done is not None for state in states)
        ended = RegionRunEnded(
            run=requested.run, done=done, failed=requested.jobs - done, problem=problem
        )
        identifier = job_event_id(requested.run, "", "ended")
        event = first_event(
            ended,
            id=identifier,
            source=source_of_run(requested.run),
            traceparent=first_traceparent(identifier, identifier),
            actor=requested.by,
        )
        await self._runtime.bus.publish([(event.type, event)])
        log.info("regions.run_ended", run=requested.run, done=done, problem=problem)


class ManifestProducer(ExclusiveWatches):
    """Runs manifests while no other process on this data folder does."""

    def __init__(self, runtime: Runtime) -> None:
        lock = ProcessLock(runtime.settings.data / "manifests.lock")
        super().__init__([ExclusiveWatch("manifests", ManifestWatch(runtime), lock)])


MANIFESTS = Producer(
    "manifests",
    "manifests of jobs for regions",
    ManifestProducer,
    lambda settings: bool(settings.section(RegionSettings).buses),
)
