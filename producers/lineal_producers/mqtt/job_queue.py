"""The open jobs of a device, in the order in which they were issued.

The first one is retained on the device's notify topic. When it has ended, the next one takes its
place there: so a device that was away does one after the other, and none replaces another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from lineal_schemas.deployments import FINAL_STATES, JobDocument, JobNotice

_MAX_ENDED = 16


class OpenJob(NamedTuple):
    """A job that a device has still to do, or is doing."""

    job_id: str
    version: int
    document: dict[str, Any] | None
    """None in rows of former versions: it was announced, and nothing more is kept of it."""


class JobQueue(NamedTuple):
    """What is kept of a device's jobs."""

    jobs: tuple[OpenJob, ...] = ()
    ended: tuple[tuple[str, int], ...] = ()
    """Job and version of those that ended last: what comes late of them opens none again."""

    def after(self, job: JobDocument) -> JobQueue | None:
        """The queue after a job was issued, changed or ended; None: it is out of date."""
        places = {known.job_id: place for place, known in enumerate(self.jobs)}
        place = places.get(job.job_id)
        if place is not None and self.jobs[place].version > job.version:
            return None
        if job.job_id in dict(self.ended):
            return None
        if job.state in FINAL_STATES:
            if place is None and self.jobs:
                return None  # others stand there: an old one's end leaves them
            left = tuple(known for known in self.jobs if known.job_id != job.job_id)
            ended = (*self.ended, (job.job_id, job.version))[-_MAX_ENDED:]
            return JobQueue(left, ended)
        item = OpenJob(job.job_id, job.version, job.model_dump(mode="json"))
        if place is None:
            return self._replace(jobs=(*self.jobs, item))
        return self._replace(jobs=(*self.jobs[:place], item, *self.jobs[place + 1 :]))

    def notice(self) -> JobNotice:
        """What is retained: the first job, and how many wait behind it."""
        first = next((known for known in self.jobs if known.document is not None), None)
        if first is None:
            return JobNotice(waiting=0)
        job = JobDocument.model_validate(first.document)
        return JobNotice(job=job, waiting=len(self.jobs) - 1)

    def to_row(self) -> bytes:
        """As it is kept in the store."""
        jobs = [tuple(job) for job in self.jobs]
        return orjson.dumps({"jobs": jobs, "ended": self.ended})

    @classmethod
    def from_row(cls, row: bytes | None) -> JobQueue:
        """Read a row; those of former versions name the last job that was announced."""
        if row is None:
            return cls()
        kept = orjson.loads(row)
        if isinstance(kept, list):
            return cls((OpenJob(kept[0], kept[1], None),))
        jobs = tuple(OpenJob(*job) for job in kept["jobs"])
        return cls(jobs, tuple((name, version) for name, version in kept["ended"]))
