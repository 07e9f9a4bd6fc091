"""Payloads of jobs that are sent to regions, and of what comes back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros


class RegionJobEvent(Payload):
    """What all events of a job have in common."""

    run: str
    """Of the manifest."""
    job: str
    """Its id within the manifest."""
    region: str
    attempt: Annotated[int, Field(ge=1)]

    def partition_key(self) -> str:
        return f"{self.run}/{self.job}"

    def correlation_key(self) -> str:
        return f"region-run:{self.run}"


class RegionJobRequested(RegionJobEvent, type="region.job_requested", version=1):
    """A region is to do a job."""

    kind: str
    """Type of the event that the region is given."""
    data: dict[str, Any]
    answer: str
    """Type of the event that says that the job is done."""
    event_id: str
    """Id of the event in the region."""
    by: str


class RegionJobDone(RegionJobEvent, type="region.job_done", version=1):
    """A region has answered: the first answer counts, whichever attempt it is of."""

    answer: str
    event_id: str
    """Id of the answer in the region."""
    data: dict[str, Any]


class RegionJobFailed(RegionJobEvent, type="region.job_failed", version=1):
    """No region has answered in time."""

    reason: str


class RegionRunEvent(Payload):
    """What all events of a run as a whole have in common."""

    run: str

    def partition_key(self) -> str:
        return self.run

    def correlation_key(self) -> str:
        return f"region-run:{self.run}"


class RegionRunRequested(RegionRunEvent, type="region.run_requested", version=1):
    """The jobs of a manifest are to be done."""

    manifest: ObjectRef
    """JSON lines, one job a line."""
    jobs: Annotated[int, Field(ge=1)]
    operator: bool = False
    """Whether jobs may be of types that lineal itself makes."""
    away_seconds: Annotated[float, Field(ge=0)] = 60.0
    """A region that is silent for so long counts as away."""
    answer_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """After so long a job is given to another one."""
    attempts: Annotated[int, Field(ge=1)] = 3
    """Of a job, at most."""
    parallel: Annotated[int, Field(ge=1)] = 1
    """Jobs that a region has at a time."""
    by: str
    requested_us: Micros


class RegionRunEnded(RegionRunEvent, type="region.run_ended", version=1):
    """Every job of a run is done, or has failed; or the run could not be begun."""

    done: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    problem: str | None = None
    """Why it could not be begun: who asked may not any more, a region is not known any more."""
