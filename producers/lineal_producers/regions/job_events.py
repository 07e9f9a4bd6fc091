"""Makes and publishes the events of jobs, here and in regions, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from pydantic_core import from_json, to_json

from lineal.access.credential import Credential
from lineal.admission import AdmissionPolicy, admit
from lineal.bus.claim_check import check_in, check_out
from lineal.bus.protocol import Delivery
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import StateConflict
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent, trace_id
from lineal_producers.regions.linked_events import EventLinked, linked_events
from lineal_producers.regions.manifest import Job
from lineal_producers.regions.mirror import KIND
from lineal_producers.regions.object_copies import copy_objects, referred_objects
from lineal_producers.regions.region import Region
from lineal_producers.regions.run_state import Attempt, job_event_id, source_of_run
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.objects import ObjectRef
from lineal_schemas.regions import (
    RegionJobDone,
    RegionJobEvent,
    RegionJobFailed,
    RegionJobRequested,
)


@dataclass(frozen=True, slots=True)
class JobEvents:
    """The events of a run.

    Args:
        home: this installation.
        sender: who runs it.
        policy: what may be sent to regions.
    """

    run: str
    home: Region
    sender: Credential
    policy: AdmissionPolicy

    def event_for_region(self, job: Job, attempt: int) -> RawEvent:
        """The event that a region is given.

        Raises:
            NotAllowed, PermanentFailure: it may not be sent, or does not fit its type.
        """
        identifier = job_event_id(self.run, job.id, f"attempt {attempt}")
        event = RawEvent(
            id=identifier,
            source=source_of_run(self.run),
            type=job.type,
            subject=None,
            time=now_us(),
            datacontenttype="application/json",
            dataschema=None,
            partitionkey=identifier,
            traceparent=first_traceparent(identifier, identifier),
            causationid=None,
            correlationid=identifier,
            data=to_json(job.data),
        )
        admitted = admit(event, self.policy, job.type, actor=self.sender.actor)
        requested = job_event_id(self.run, job.id, f"request {attempt}")
        return admitted._replace(causationid=requested)

    async def request(self, job: Job, attempt: int, region: str) -> Attempt:
        """Write down on this installation's bus that a region is to do a job."""
        event = self.event_for_region(job, attempt)
        request = RegionJobRequested(
            run=self.run, job=job.id, region=region, attempt=attempt, kind=job.type,
            data=job.data, answer=job.answer, event_id=event.id, by=self.sender.actor,
        )  # fmt: skip
        await self._publish_here(request, job_event_id(self.run, job.id, f"request {attempt}"))
        return Attempt(attempt, region, event.id)

    async def send(self, job: Job, attempt: Attempt, region: Region) -> None:
        """Give a region its event, unless it has it."""
        event = self.event_for_region(job, attempt.number)
        objects = await referred_objects(event, self.home.runtime.objects)
        await copy_objects(objects, self.home.runtime.objects, region.runtime.objects)
        attributes: dict[str, int | str] = {"job": job.id, "attempt": attempt.number}
        await self._publish_once(region, event, self.home, objects, attributes)

    async def done(self, job: Job, attempt: Attempt, region: Region, answer: Delivery) -> bool:
        """Gather an answer; whether it is the first."""
        whole = await check_out(answer.event, region.runtime.objects)
        objects = await referred_objects(answer.event, region.runtime.objects)
        await copy_objects(objects, region.runtime.objects, self.home.runtime.objects)
        payload = RegionJobDone(
            run=self.run, job=job.id, region=region.name, attempt=attempt.number,
            answer=answer.event.type, event_id=answer.event.id, data=_object_of(whole.data),
        )  # fmt: skip
        identifier = job_event_id(self.run, job.id, "done")
        event = self._first(payload, identifier)._replace(causationid=answer.event.id)
        attributes: dict[str, int | str] = {
            "job": job.id,
            "attempt": attempt.number,
            "from_partition": answer.position.partition,
            "from_offset": answer.position.offset,
        }
        return await self._publish_once(
            self.home, event, region, objects, attributes, answer.position.topic
        )

    async def fail(self, job: Job, attempt: int, region: str, reason: str) -> RegionJobFailed:
        """Write down that no region has done a job."""
        failed = RegionJobFailed(
            run=self.run, job=job.id, region=region, attempt=attempt, reason=reason
        )
        await self._publish_here(failed, job_event_id(self.run, job.id, "failed"))
        return failed

    def _first(self, payload: RegionJobEvent, identifier: str) -> RawEvent:
        return first_event(
            payload,
            id=identifier,
            source=source_of_run(self.run),
            traceparent=first_traceparent(identifier, identifier),
            actor=self.sender.actor,
        )

    async def _publish_here(self, payload: RegionJobEvent, identifier: str) -> None:
        event = await check_in(self._first(payload, identifier), self.home.runtime.objects)
        await self.home.runtime.bus.publish([(event.type, event)])

    async def _publish_once(
        self,
        target: Region,
        event: RawEvent,
        source: Region,
        objects: Sequence[ObjectRef],
        attributes: dict[str, int | str],
        topic: str | None = None,
    ) -> bool:
        """Publish an event in a region that has not got it; whether it had not."""
        runtime = target.runtime
        name = event.source, event.id
        ask = partial(linked_events, events=[name])
        if await runtime.store.read(ask):
            return False
        placed = await check_in(event, runtime.objects)
        linked = EventLinked(
            *name,
            f"run {self.run}",
            "brought",
            source.installation,
            now_us(),
            runtime.bus.capabilities.transactional_effects,
        )
        made = [Artifact(digest(placed.data), placed.datacontenttype, len(placed.data), "event")]
        made += [Artifact(ref.sha256, ref.media_type, ref.bytes, "object") for ref in objects]
        entry = StepEntry(
            event.correlationid,
            now_us(),
            kind=KIND,
            events_in=() if event.causationid is None else (event.causationid,),
            events_out=(event.id,),
            outputs=tuple(made),
            attributes={
                "run": self.run,
                "topic": topic or RegionJobRequested.type,
                "from": source.name,
                "from_installation": source.installation,
                "to": target.name,
                "to_installation": target.installation,
                **attributes,
            },
            trace=trace_id(event.traceparent),
        )
        record = record_of(entry, build=None, actor=self.sender.actor, worker=this_worker())
        effects: list[Effect] = [linked, *lineage_records([record])]
        try:
            await runtime.committer.publish([(event.type, placed)], effects)
        except StateConflict:
            return False
        return True


def _object_of(data: bytes) -> dict[str, Any]:
    """The data of an answer; of one that is no JSON object, its digest and size."""
    try:
        value = from_json(data)
    except ValueError:
        return {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    return value if isinstance(value, dict) else {"value": value}
