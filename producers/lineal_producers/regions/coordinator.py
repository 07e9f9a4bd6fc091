"""Sends the jobs of a manifest to regions, elsewhere where one is away, and gathers the answers.

What was asked of whom, and what came back, are events of this installation's bus; a region is given
its event in one transaction with the note that it has it. So a run that was killed is begun again
with the same manifest, and does nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from lineal.bus.protocol import Delivery, Selection
from lineal.errors import ObjectCorrupt, ObjectMissing, Unavailable
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_producers.regions.causes import first_cause
from lineal_producers.regions.job_events import JobEvents
from lineal_producers.regions.manifest import Manifest
from lineal_producers.regions.region import Region, open_region
from lineal_producers.regions.run_state import Attempt, JobState, read_run
from lineal_schemas.envelope import now_us
from lineal_schemas.regions import RegionJobDone

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.2
_LOOK_SECONDS = 1.0
_SLACK_US = 24 * 3600 * 1_000_000
"""Answers of a run that goes on are read from so long before: a day."""

Report = Callable[[str], None]
"""Called with a line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How a run goes about it.

    Attributes:
        away_seconds: a region that cannot be reached, or where nobody works on the jobs' types, for
            so long is away: its jobs that others may do are given to another region.
        answer_seconds: a job that is not answered for so long is given to another region as well.
        attempts: of a job, at most.
        parallel: jobs that a region has at a time.
    """

    away_seconds: float = 60.0
    answer_seconds: float = 3600.0
    attempts: int = 3
    parallel: int = 1


@dataclass(slots=True)
class _RegionState:
    name: str
    alive_at: float
    """When somebody was last seen working there, in seconds of the loop's clock."""
    alive: bool = False
    problem: str | None = None
    sent: set[str] = field(default_factory=set)
    """Events that this process has given it."""


class Coordinator:
    """Runs a manifest. Use :meth:`run`."""

    def __init__(
        self,
        here: Runtime,
        manifest: Manifest,
        events: JobEvents,
        regions: tuple[str, ...],
        settings: RunSettings,
        report: Report,
    ) -> None:
        self._here = here
        self._manifest = manifest
        self._events = events
        self._settings = settings
        self._report = report
        now = asyncio.get_running_loop().time()
        self._begun = now
        self._regions = {name: _RegionState(name, now) for name in regions}
        self._states: dict[str, JobState] = {}
        self._by_event: dict[str, tuple[JobState, Attempt]] = {}

    async def run(self) -> list[JobState]:
        """Until every job is done, or has failed.

        Raises:
            BusUnavailable, StoreUnavailable: this installation's own bus is away; run it again.
        """
        self._states = await read_run(self._here, self._manifest)
        for state in self._states.values():
            for attempt in state.attempts:
                self._by_event[attempt.event_id] = state, attempt
        found = sum(state.ended for state in self._states.values())
        if found:
            self._report(f"{found} of {len(self._states)} jobs were ended before")
        serving = [asyncio.create_task(self._serve(region)) for region in self._regions.values()]
        try:
            while not all(state.ended for state in self._states.values()):
                await self._assign()
                done, _ = await asyncio.wait(serving, timeout=_POLL_SECONDS)
                for task in done:
                    task.result()
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
        return list(self._states.values())

    async def _assign(self) -> None:
        now = asyncio.get_running_loop().time()
        for state in self._states.values():
            if state.ended:
                continue
            last = state.attempts[-1] if state.attempts else None
            reason = "no region works on it" if last is None else self._given_up(last, now)
            if reason is None:
                continue
            region = None
            if len(state.attempts) < self._settings.attempts:
                region = self._choose(state, now)
            if region is None:
                await self._fail_late(state, last, reason, now)
                continue
            number = len(state.attempts) + 1
            attempt = await self._events.request(state.job, number, region.name)
            attempt.begun = now
            state.attempts.append(attempt)
            self._by_event[attempt.event_id] = state, attempt
            self._report(
                f"{state.job.id}: to {region.name}" + (f", attempt {number}" * (number > 1))
            )

    async def _fail_late(
        self, state: JobState, last: Attempt | None, reason: str, now: float
    ) -> None:
        """End a job that nobody can be given, when its time is up."""
        begun = self._begun if last is None or last.begun is None else last.begun
        if now - begun > self._settings.answer_seconds:
            region = state.job.candidates(tuple(self._regions))[0]
            number, region = (1, region) if last is None else (last.number, last.region)
            state.failed = await self._events.fail(state.job, number, region, reason)
            self._report(f"{state.job.id}: failed: {reason}")

    def _given_up(self, attempt: Attempt, now: float) -> str | None:
        """Why an attempt is waited for no longer; None while it is."""
        if attempt.begun is None:
            attempt.begun = now
        region = self._regions[attempt.region]
        if self._away(region, now):
            return f"{region.name} is away" + (f": {region.problem}" if region.problem else "")
        if now - attempt.begun > self._settings.answer_seconds:
            return f"{region.name} has not answered in {self._settings.answer_seconds:g} s"
        return None

    def _away(self, region: _RegionState, now: float) -> bool:
        return not region.alive and now - region.alive_at > self._settings.away_seconds

    def _choose(self, state: JobState, now: float) -> _RegionState | None:
        """The region that is to do a job: one that works and has room, not one that was asked."""
        asked = {attempt.region for attempt in state.attempts}
        candidates = [
            self._regions[name]
            for name in state.job.candidates(tuple(self._regions))
            if self._regions[name].alive
        ]
        # Asked again: only where nobody else may do it, and it has not answered in time.
        others = [region for region in candidates if region.name not in asked]
        only = len(state.job.candidates(tuple(self._regions))) == 1
        free = [
            region
            for region in (candidates if only else others)
            if self._open(region.name) < self._settings.parallel
        ]
        return min(free, key=lambda region: self._open(region.name), default=None)

    def _open(self, region: str) -> int:
        """How many jobs a region has."""
        return sum(
            bool(state.attempts) and state.attempts[-1].region == region and not state.ended
            for state in self._states.values()
        )

    async def _serve(self, region: _RegionState) -> None:
        """Send what is for a region, and read its answers, whenever it is there."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with open_region(self._here.settings, region.name, self._here) as opened:
                    await opened.runtime.flush_ledger()
                    await self._work(region, opened)
            except (Unavailable, OSError) as error:
                if region.problem is None:
                    self._report(f"{region.name}: {error}")
                region.problem, region.alive = str(error), False
                region.sent.clear()
                log.info("region.away", region=region.name, since=region.alive_at - loop.time())
            await asyncio.sleep(_LOOK_SECONDS)

    async def _work(self, region: _RegionState, opened: Region) -> None:
        kinds = {job.type for job in self._manifest.jobs}
        readers = [
            asyncio.create_task(self._read(opened, answer))
            for answer in sorted({job.answer for job in self._manifest.jobs})
        ]
        try:
            looked = float("-inf")
            while True:
                now = asyncio.get_running_loop().time()
                if now - looked > _LOOK_SECONDS:
                    looked = now
                    infos = await opened.runtime.bus.topics()
                    region.problem = None
                    region.alive = any(
                        group.works_elsewhere
                        for info in infos
                        if info.topic in kinds
                        for group in info.groups
                    )
                    if region.alive:
                        region.alive_at = now
                    else:
                        region.problem = f"nobody works on {', '.join(sorted(kinds))} there"
                for state, attempt in list(self._by_event.values()):
                    mine = attempt.region == region.name and attempt.event_id not in region.sent
                    if mine and not state.ended:
                        await self._events.send(state.job, attempt, opened)
                        region.sent.add(attempt.event_id)
                done, _ = await asyncio.wait(readers, timeout=_POLL_SECONDS)
                for task in done:
                    task.result()
        finally:
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def _read(self, region: Region, answer: str) -> None:
        await region.runtime.bus.create_topic(answer)
        since = Selection(from_time=now_us() - _SLACK_US)
        async for delivery in read_admitted(region.runtime, answer, since, follow=True):
            found = await self._asked_by(region, delivery)
            if found is not None:
                await self._gather(*found, region, delivery)

    async def _asked_by(
        self, region: Region, delivery: Delivery
    ) -> tuple[JobState, Attempt] | None:
        """Whose answer an event is: that of the event of a job which it follows from, over any
        number of steps."""
        event = delivery.event
        if event.causationid is None:
            return None
        cause = await first_cause(region.runtime, event.causationid, self._by_event)
        found = None if cause is None else self._by_event[cause]
        return found if found is not None and found[0].job.answer == event.type else None

    async def _gather(
        self, state: JobState, attempt: Attempt, region: Region, answer: Delivery
    ) -> None:
        job = state.job
        if state.done is not None:
            if state.done.event_id != answer.event.id:
                self._report(f"{job.id}: {region.name} has answered too, which does not count")
            return
        try:
            first = await self._events.done(job, attempt, region, answer)
        except (ObjectMissing, ObjectCorrupt) as error:
            log.error("region.answer_without_object", job=job.id, error=str(error))
            return
        if first or state.done is None:
            state.done = RegionJobDone(
                run=self._manifest.run, job=job.id, region=region.name, attempt=attempt.number,
                answer=answer.event.type, event_id=answer.event.id, data={},
            )  # fmt: skip
        self._report(f"{job.id}: done by {region.name}")
