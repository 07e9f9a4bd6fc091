"""The manifest of jobs for regions: JSON lines, one job a line."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lineal.bus.topic_names import TOPIC_RULE, is_topic_name
from lineal.errors import LinealError

ANY = "any"
"""In place of a region: whichever is there."""


class BadManifest(LinealError, ValueError):
    """A line of a manifest is no job; says which and why."""


class Job(BaseModel):
    """A job: an event for a region, and what it is answered by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=200)]
    type: str
    """Of the event that the region is given."""
    data: dict[str, Any]
    region: str | tuple[str, ...] = ANY
    """One, several of which one is to do it, or ``any``."""
    answer: str
    """Type of the event that says that the job is done."""

    def candidates(self, regions: Collection[str]) -> tuple[str, ...]:
        """The regions that may do it, the preferred ones first."""
        if self.region == ANY:
            return tuple(regions)
        return (self.region,) if isinstance(self.region, str) else self.region


class Manifest(BaseModel):
    """The jobs of a run."""

    model_config = ConfigDict(frozen=True)

    run: str
    jobs: tuple[Job, ...]


def read_manifest(text: str, regions: Collection[str], run: str | None = None) -> Manifest:
    """Read a manifest.

    Args:
        regions: those that there are.
        run: names the run; None: the manifest's own digest does, so that the same manifest is the
            same run.

    Raises:
        BadManifest: a line is no job, names an unknown region, or an id comes twice.
    """
    jobs: dict[str, Job] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            job = Job.model_validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise BadManifest(f"line {number}: {where} {problem['msg']}".strip()) from error
        for name in (job.type, job.answer):
            if not is_topic_name(name):
                raise BadManifest(f"line {number}: {name!r}: {TOPIC_RULE}")
        if unknown := set(job.candidates(regions)) - set(regions):
            there = ", ".join(regions)
            raise BadManifest(
                f"line {number}: no region is called {min(unknown)!r}; there are {there}, and any"
            )
        if job.id in jobs:
            raise BadManifest(f"line {number}: there is a job {job.id!r} already")
        jobs[job.id] = job
    if not jobs:
        raise BadManifest("there is no job in it")
    return Manifest(run=run or sha256(text.encode()).hexdigest()[:12], jobs=tuple(jobs.values()))
