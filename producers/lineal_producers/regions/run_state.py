"""What is known of the jobs of a run, from the events of this installation's bus: a run that was
killed goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from lineal.bus.claim_check import check_out
from lineal.errors import UnknownTopic
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_producers.regions.manifest import Job, Manifest
from lineal_schemas.envelope import decode_payload
from lineal_schemas.regions import RegionJobDone, RegionJobFailed, RegionJobRequested


@dataclass(slots=True)
class Attempt:
    """That a region is to do a job."""

    number: int
    region: str
    event_id: str
    """Of the event in the region."""
    begun: float | None = None
    """When it was sent by this process, in seconds of the loop's clock."""


@dataclass(slots=True)
class JobState:
    """A job, and how far it is."""

    job: Job
    attempts: list[Attempt] = field(default_factory=list)
    done: RegionJobDone | None = None
    failed: RegionJobFailed | None = None

    @property
    def ended(self) -> bool:
        return self.done is not None or self.failed is not None


def source_of_run(run: str) -> str:
    """The source of all events that a run makes."""
    return f"lineal:regions/{run}"


def job_event_id(run: str, job: str, part: str) -> str:
    """The id of an event of a job: derived, so that it is the same however often it is made."""
    return str(uuid5(NAMESPACE_URL, f"{source_of_run(run)}\n{len(job)} {job}\n{part}"))


async def read_run(runtime: Runtime, manifest: Manifest) -> dict[str, JobState]:
    """The jobs of a manifest by their ids, as the bus has it."""
    states = {job.id: JobState(job) for job in manifest.jobs}
    for topic in (RegionJobRequested.type, RegionJobDone.type, RegionJobFailed.type):
        try:
            async for delivery in read_admitted(runtime, topic):
                if delivery.event.source != source_of_run(manifest.run):
                    continue
                event = decode_payload(await check_out(delivery.event, runtime.objects))
                _take(states, event)
        except UnknownTopic:
            continue
    for state in states.values():
        state.attempts.sort(key=lambda attempt: attempt.number)
    return states


def _take(states: dict[str, JobState], event: object) -> None:
    assert isinstance(event, RegionJobRequested | RegionJobDone | RegionJobFailed)
    state = states.get(event.job)
    if state is None:
        return
    if isinstance(event, RegionJobRequested):
        known = {attempt.number for attempt in state.attempts}
        if event.attempt not in known:
            state.attempts.append(Attempt(event.attempt, event.region, event.event_id))
    elif isinstance(event, RegionJobDone):
        state.done = state.done or event
    else:
        state.failed = state.failed or event
