"""Replays and previews that were asked for on a page: one at a time, with progress."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import uuid4

import structlog

from lineal.access.credential import Credential
from lineal.bus.protocol import Selection
from lineal.errors import LinealError
from lineal.replay import ReplayPreview, plan_replay, preview_replay, run_replay
from lineal.replay.events import events_of
from lineal.runtime import Runtime
from lineal.stages.discovery import find_stages
from lineal.workers.pool import worker_pool
from lineal_catalog.models.trial import trial_sources
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

JobState = Literal["waiting", "counting", "running", "done", "cancelled", "failed"]
_KEPT = 20


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What was asked for."""

    stage: str
    stale: bool = False
    since: int | None = None
    """Only events from this time on; microseconds since the Unix epoch."""
    subjects: frozenset[str] = frozenset()
    """Only events about these; empty: about anything."""
    models: tuple[tuple[str, int], ...] = ()
    """Versions to work with as if they were in use: only of previews."""
    sample: int | None = None
    """Of a preview: at most so many events."""
    preview: bool = True


@dataclass(slots=True)
class ReplayJob:
    """A replay or a preview, and how far it is."""

    id: str
    request: ReplayRequest
    by: str
    asked: int
    state: JobState = "waiting"
    events: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    preview: ReplayPreview | None = None
    problem: str | None = None
    ended: int | None = None

    @property
    def handled(self) -> int:
        """Events that are done."""
        return sum(self.outcomes.values())

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("done", "cancelled", "failed")


class ReplayJobs:
    """The replays of this service, newest first; the last ones are kept in memory. What a replay
    did is in the ledger."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.jobs: deque[ReplayJob] = deque(maxlen=_KEPT)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def begin(self, request: ReplayRequest, by: Credential) -> ReplayJob:
        """Begin, after those that were asked for before.

        Raises:
            NotPermitted: they may not replay.
            UnknownStage: there is no such stage.
        """
        by.require("replay")
        find_stages([request.stage])
        job = ReplayJob(uuid4().hex[:12], request, by.actor, now_us())
        self.jobs.appendleft(job)
        task = asyncio.create_task(self._run(job), name="replay asked for on a page")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        return job

    def find(self, job_id: str) -> ReplayJob | None:
        """The job of an id."""
        return next((job for job in self.jobs if job.id == job_id), None)

    def cancel(self, job_id: str) -> None:
        """End it; what it has handled stays."""
        task = self._tasks.get(job_id)
        if task is not None:
            task.cancel()

    async def _run(self, job: ReplayJob) -> None:
        try:
            async with self._turn:
                await self._handle(job)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "cancelled"
        except LinealError as error:
            job.state, job.problem = "failed", str(error)
        except Exception as error:
            log.exception("console.replay_failed")
            job.state, job.problem = "failed", f"{type(error).__name__}: {error}"
        finally:
            job.ended = now_us()

    async def _handle(self, job: ReplayJob) -> None:
        asked = job.request
        (stage,) = find_stages([asked.stage])
        job.state = "counting"
        selection = Selection(from_time=asked.since)
        if asked.subjects:
            ids = [
                item.event.id
                async for item in events_of(self._runtime.bus, stage, selection)
                if item.event.correlationid in asked.subjects
            ]
            selection = replace(selection, event_ids=frozenset(ids))
        plan = await plan_replay(self._runtime, stage, selection, stale=asked.stale)
        job.events = plan.events
        if asked.preview and asked.sample is not None:
            job.events = min(plan.events, asked.sample)
        job.state = "running"

        def handled(outcomes: Mapping[str, int]) -> None:
            job.outcomes.update(outcomes)

        workers = worker_pool(self._runtime.settings)
        workers.start()
        try:
            if asked.preview:
                artifacts = None
                if asked.models:
                    artifacts = await self._runtime.store.read(
                        lambda c: trial_sources(c, asked.models)
                    )
                job.preview = await preview_replay(
                    self._runtime, plan, workers, handled, sample=asked.sample, artifacts=artifacts
                )
            else:
                await run_replay(self._runtime, plan, workers, handled, actor=job.by)
        finally:
            await workers.close()
