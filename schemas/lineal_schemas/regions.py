"""Payloads of jobs that are sent to regions, and of what comes back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from lineal_schemas.payload import Payload


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
