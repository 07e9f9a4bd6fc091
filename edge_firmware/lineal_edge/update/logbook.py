"""The log of the current job: each state is on the disk before it is reported."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from lineal_edge.clock import Clock
from lineal_edge.interfaces import EventSink
from lineal_edge.update.disk import Disk
from lineal_edge.update.journal import Journal, JournalFile, Progress
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.deployments import (
    AgentManifest,
    DeploymentJobUpdated,
    JobState,
    PackageManifest,
)
from lineal_schemas.models import ModelRef

log = logging.getLogger(__name__)

_MAX_TEXT = 500


class Logbook:
    """Writes the journal and reports its states to the server.

    Args:
        active: says what is in use when a report is made.
    """

    def __init__(
        self,
        device: str,
        folder: Path,
        disk: Disk,
        active: Callable[[], ModelRef | None],
        report: EventSink,
        clock: Clock,
    ) -> None:
        self._device = device
        self._file = JournalFile(folder, disk)
        self._active = active
        self._report = report
        self._clock = clock
        self._step_begun_us = clock.monotonic_us()
        self.journal = Journal()

    @property
    def progress(self) -> Progress | None:
        """The current job, or the last one."""
        return self.journal.progress

    @property
    def current(self) -> Progress:
        """The current job; there must be one."""
        assert self.journal.progress is not None
        return self.journal.progress

    def open(self) -> Progress | None:
        """Read the journal."""
        self.journal = self._file.read()
        return self.journal.progress

    def remember_counter(self, counter: int, epoch: int) -> None:
        """Where the journal was lost: what is in use was confirmed once."""
        if self.journal.counter == 0:
            self.journal = self.journal.model_copy(update={"counter": counter, "epoch": epoch})

    def begin_step(self) -> None:
        """The time of a step runs from now."""
        self._step_begun_us = self._clock.monotonic_us()

    def change(self, progress: Progress, **remembered: int) -> Progress:
        """Note something about the job without changing its state.

        Raises:
            OSError: the journal is as it was.
        """
        journal = self.journal.model_copy(update={"progress": progress, **remembered})
        self._file.write(journal)
        self.journal = journal
        return progress

    def enter(self, progress: Progress, state: JobState, **remembered: int) -> None:
        """Note a job's next state, and report it; the server set ``QUEUED`` itself.

        Raises:
            OSError: the journal is as it was.
        """
        known = self.journal.progress
        if known is not None and known.job.job_id == progress.job.job_id:
            progress = progress.model_copy(update={"version": known.version})
        quiet = state == "QUEUED"
        self.change(progress.model_copy(update={"state": state, "reported": quiet}), **remembered)
        self.begin_step()
        self.report()

    def succeed(self, progress: Progress, manifest: PackageManifest | AgentManifest) -> None:
        """Note that a job has succeeded, and what may not be gone back behind from now on.

        Raises:
            OSError: the journal is as it was.
        """
        journal = self.journal.in_epoch(manifest.epoch)
        self.enter(
            progress.model_copy(update={"activating": False}),
            "SUCCEEDED",
            counter=max(journal.counter, manifest.counter),
            signed_us=max(journal.signed_us, manifest.created_us),
            epoch=journal.epoch,
        )

    def report(self) -> None:
        """Report the job's state, unless that was done. A report that cannot be kept is tried again
        and changes nothing else."""
        progress = self.journal.progress
        if progress is None or progress.reported:
            return
        update = DeploymentJobUpdated(
            rollout_id=progress.job.rollout_id,
            job_id=progress.job.job_id,
            device=self._device,
            state=progress.state,
            expected_version=progress.version,
            model=_model(progress),
            active=self._active(),
            reason=progress.reason,
            details={} if progress.text is None else {"text": progress.text[:_MAX_TEXT]},
            wall_us=max(0, self._clock.wall_us()),
        )
        try:
            self._report(update)
            self.change(
                progress.model_copy(update={"reported": True, "version": progress.version + 1})
            )
        except Exception as error:
            log.warning("a job's state cannot be reported now: %r", error)

    def overdue(self) -> bool:
        """Whether the current step has used up its time. A restart of the agent resets it."""
        progress = self.current
        timeouts = progress.job.timeouts
        seconds = {
            "IN_PROGRESS": timeouts.download,
            "DOWNLOADED": timeouts.verify,
            "SHADOW": timeouts.shadow,
            "ACTIVE_UNCONFIRMED": timeouts.soak,
        }.get(progress.state, timeouts.verify)
        return self._clock.monotonic_us() - self._step_begun_us > seconds * 1e6


def manifest_of(progress: Progress) -> PackageManifest:
    """The manifest of a job's package; who signed it is another question.

    Raises:
        PackageRejected: ``bad_manifest``
    """
    try:
        return PackageManifest.model_validate_json(progress.job.package.manifest)
    except ValueError as error:
        raise PackageRejected("bad_manifest", "the manifest is malformed") from error


def agent_manifest_of(progress: Progress) -> AgentManifest:
    """The same of a job for the agent itself.

    Raises:
        PackageRejected: ``bad_manifest``
    """
    try:
        return AgentManifest.model_validate_json(progress.job.package.manifest)
    except ValueError as error:
        raise PackageRejected("bad_manifest", "the manifest is malformed") from error


def _model(progress: Progress) -> ModelRef:
    """What the job is about, as far as can be said."""
    try:
        if progress.job.kind == "agent":
            return agent_manifest_of(progress).release
        return manifest_of(progress).model
    except PackageRejected:
        text = progress.job.package.manifest.encode()
        return ModelRef(name="unknown", version=1, sha256=hashlib.sha256(text).hexdigest())
