"""The steps of a job on the device, each on the disk before it is acted upon.

    QUEUED -> IN_PROGRESS -> DOWNLOADED -> VERIFIED -> SHADOW -> ACTIVE_UNCONFIRMED -> SUCCEEDED
    before the swap whatever goes wrong ends in FAILED, after it in ROLLED_BACK

A power cut anywhere leaves a journal from which the next start goes on, or back. The order of an
activation: pin ``previous``; note that it begins, with its boot counter; point ``current``; swap.
Going back: note it; point ``current`` back; swap. A start that finds a model on trial counts itself
before it loads the model, so a model that kills the agent is gone after a few starts. What the
server says, or that it cannot be told, never takes a good model back.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from lineal_edge.clock import Clock
from lineal_edge.interfaces import EventSink
from lineal_edge.scoring.model import ModelError
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import Download, Fetch, Interrupted
from lineal_edge.update.health import Limits, Tally, check_health
from lineal_edge.update.journal import Journal, JournalFile, Progress
from lineal_edge.update.packages import Installed, Packages
from lineal_edge.update.verification import Refused, check_fit, opened
from lineal_schemas.deployments import (
    FINAL_STATES,
    DeploymentJobUpdated,
    JobDocument,
    JobNotice,
    JobReply,
    JobState,
    PackageManifest,
)
from lineal_schemas.models import ModelRef

log = logging.getLogger(__name__)

MOST_BOOTS = 3
"""Starts with an unconfirmed model; at the next one it goes back."""

_STALLS = "model_stalls"
_WATCH_SECONDS = 0.25
_IDLE_SECONDS = 30.0
_RETRY_SECONDS = 5.0

Trial = Callable[[Path, PackageManifest, float], None]


class SwappableScorer(Protocol):
    """What an update asks of the scorer; see :class:`lineal_edge.update.live_scorer.LiveScorer`."""

    @property
    def features(self) -> tuple[str, ...]: ...

    @property
    def active(self) -> Any: ...

    def prepare(self, data: bytes, ref: ModelRef) -> Any: ...

    def put_beside(self, candidate: Any) -> Tally: ...

    def swap(self, candidate: Any) -> Tally: ...


class UpdateMachine:
    """One device's jobs. All methods but ``notified``, ``replied`` and ``interrupt`` are called by
    one thread.

    Args:
        stalled: called when the model in use hangs; it has been taken back on the disk, and only a
            new start of the agent gets rid of it.
        pause: waits so many seconds, or until something happens.
    """

    def __init__(
        self,
        *,
        device: str,
        folder: Path,
        disk: Disk,
        trusted_keys: Mapping[str, bytes],
        scorer: SwappableScorer,
        report: EventSink,
        clock: Clock,
        fetch: Fetch,
        trial: Trial,
        stalled: Callable[[], None],
        pause: Callable[[float], None],
        limits: Limits | None = None,
    ) -> None:
        self._device = device
        self._disk = disk
        self._folder = folder
        self._keys = trusted_keys
        self._scorer = scorer
        self._report_event = report
        self._clock = clock
        self._fetch = fetch
        self._trial = trial
        self._stalled = stalled
        self._pause = pause
        self._limits = limits or Limits()
        self._packages = Packages(folder, disk)
        self._file = JournalFile(folder, disk)
        self._journal = Journal()
        self._step_begun_us = 0
        self._next: JobDocument | None = None
        self._tally = Tally()
        self._old_tally: Tally | None = None
        self._running: Any = None
        """The candidate in use, and in a soak the one before it."""
        self._running_before: Any = None
        self._beside: Any = None
        """The candidate in its shadow run."""
        self._beside_tally = Tally()
        self._compared: Tally | None = None
        self._compared_from = self._tally.read()
        self._mail: deque[JobNotice | JobReply] = deque()
        self._stopping = False
        self._recovered = False

    @property
    def progress(self) -> Progress | None:
        """The job at hand, or the last one."""
        return self._journal.progress

    @property
    def counter(self) -> int:
        """The highest that was confirmed."""
        return self._journal.counter

    # Other threads.

    def notified(self, notice: JobNotice) -> None:
        self._mail.append(notice)

    def replied(self, reply: JobReply) -> None:
        self._mail.append(reply)

    def interrupt(self) -> None:
        """Let go of what takes long: the agent stops."""
        self._stopping = True

    # The start.

    def recover(self) -> None:
        """Come back from whatever the last run was interrupted in, and put a model in use. While
        the disk cannot be written that is the last confirmed one, and the rest has to wait."""
        try:
            self._recover()
            self._recovered = True
        except OSError as error:
            log.error("what an update has come to cannot be noted: %s", error)
            self._fall_back_to_confirmed()

    def _fall_back_to_confirmed(self) -> None:
        progress = self._journal.progress
        confirmed = self._packages.current
        if progress is not None and progress.activating and not progress.final:
            confirmed = progress.before
        if self._running is not None and self._running.ref.sha256 == confirmed:
            return
        if confirmed is None or not self._put_in_use(confirmed):
            self._scorer.swap(None)
            self._running = None

    def _recover(self) -> None:
        self._packages.prepare()
        self._journal = self._file.read()
        progress = self._journal.progress
        if progress is not None and not progress.final and (progress.trying or progress.activating):
            progress = progress.model_copy(update={"boots": progress.boots + 1})
            self._change(progress)
            self._take_up(progress)
        else:
            self._load_current()
        self._begin_step()

    def _take_up(self, progress: Progress) -> None:
        """Go on with a model on trial, or back."""
        sha256 = self._manifest(progress).model.sha256
        too_often = progress.boots > MOST_BOOTS
        if progress.going_back:
            self._finish_going_back(progress)
        elif progress.activating and (too_often or self._packages.current != sha256):
            if too_often:
                self._go_back("boot_loop", f"not confirmed after {MOST_BOOTS} starts")
                return
            # The power went between noting and doing it: nothing has been swapped yet.
            self._load_current()
            self._change(progress.model_copy(update={"activating": False}))
        elif progress.activating:
            if not self._put_in_use(sha256):
                self._go_back("model_damaged", "it cannot be loaded any more")
        else:
            self._load_current()
            if too_often:
                self._end_badly("boot_loop", f"not tried out after {MOST_BOOTS} starts")

    def _load_current(self) -> None:
        for name, sha256 in (
            ("current", self._packages.current),
            ("previous", self._packages.previous),
        ):
            if sha256 is not None and self._put_in_use(sha256):
                if name == "previous":
                    log.error("the model in use is damaged; the one before takes its place")
                    self._packages.point("current", sha256)
                return
        self._scorer.swap(None)
        self._running = None

    def _put_in_use(self, sha256: str) -> bool:
        candidate = self._scorer.active
        if candidate is None or candidate.ref.sha256 != sha256:
            candidate = self._candidate(sha256)
        if candidate is None:
            return False
        self._tally = self._scorer.swap(candidate)
        self._running = candidate
        installed = self._packages.read(sha256)
        progress = self._journal.progress
        confirmed = progress is None or progress.final or not progress.activating
        if installed is not None and confirmed and self._journal.counter == 0:
            # A journal that was lost: at least what is in use was confirmed once.
            self._journal = self._journal.model_copy(update={"counter": installed.manifest.counter})
        return True

    def _candidate(self, sha256: str) -> Any:
        installed = self._packages.read(sha256)
        if installed is None:
            return None
        try:
            return self._scorer.prepare(installed.data, installed.model)
        except (ModelError, ValueError) as error:
            log.error("model %s cannot be loaded: %s", sha256[:12], error)
            return None

    # The steps.

    def advance(self) -> float:
        """Do what is next; how many seconds there is nothing to do then, unless something comes."""
        if not self._recovered:
            self.recover()
            if not self._recovered:
                return _RETRY_SECONDS
        try:
            return self._advance()
        except OSError as error:
            log.warning("update: %s", error)
            return _RETRY_SECONDS

    def _advance(self) -> float:
        self._read_mail()
        progress = self._journal.progress
        if progress is not None and not progress.reported:
            self._tell(progress)
            progress = self._journal.progress
        if progress is None or progress.final:
            return self._begin_next()
        try:
            return self._step(progress)
        except Interrupted:
            return 0.0
        except Refused as refused:
            self._end_badly(refused.reason, str(refused))
        except Exception as error:
            # A full disk, say. The step is tried again until its time is up.
            log.warning("update: %r", error)
            if not self._overdue(progress):
                return _RETRY_SECONDS
            self._end_badly("internal_error", repr(error))
        return 0.0

    def _step(self, progress: Progress) -> float:
        state = progress.state
        if progress.going_back:
            self._finish_going_back(progress)
            return 0.0
        if progress.activating and state != "ACTIVE_UNCONFIRMED":
            self._finish_activation(progress)
            return 0.0
        if state == "QUEUED":
            self._admit(progress)
        elif state == "IN_PROGRESS":
            self._download(progress)
        elif state == "DOWNLOADED":
            self._verify(progress)
        elif state == "VERIFIED":
            self._begin_shadow(progress)
        elif state == "SHADOW":
            return self._watch_shadow(progress)
        else:
            return self._watch_soak(progress)
        return 0.0

    def _begin_next(self) -> float:
        job = self._next
        if job is None:
            progress = self._journal.progress
            return _IDLE_SECONDS if progress is None or progress.reported else _RETRY_SECONDS
        log.info("job %s: %s", job.job_id, job.url)
        self._enter(Progress(job=job, version=job.version), "QUEUED")
        self._next = None
        return 0.0

    def _admit(self, progress: Progress) -> None:
        """Look at the signed manifest before a byte is fetched."""
        if progress.job.device != self._device:
            raise Refused("wrong_device", f"the job is for {progress.job.device}")
        manifest = self._checked(progress)
        if manifest.model.sha256 == self._packages.current and self._running is not None:
            self._confirm(progress, manifest)
            return
        self._enter(progress, "IN_PROGRESS")

    def _checked(self, progress: Progress) -> PackageManifest:
        manifest = opened(progress.job.package, self._keys)
        active = self._active_manifest()
        check_fit(
            manifest,
            features=self._scorer.features,
            active=None if active is None else active.model,
            counter=self._journal.counter,
            now_us=max(self._clock.wall_us(), self._journal.signed_us),
        )
        return manifest

    def _download(self, progress: Progress) -> None:
        manifest = self._manifest(progress)
        sha256 = manifest.model.sha256
        if self._packages.read(sha256) is None:
            self._packages.prune(sha256)

            def going_on() -> bool:
                self._read_mail()
                now = self._journal.progress
                if now is None or now.final or self._stopping:
                    return False
                if self._overdue(now):
                    raise Refused("download_timeout", "the download takes too long")
                return True

            Download(
                self._disk,
                self._fetch,
                self._packages.part(sha256),
                going_on=going_on,
                pause=self._pause,
            ).run(progress.job.url, manifest.bytes, sha256)
        self._packages.install(progress.job.package, sha256)
        self._enter(self._now(progress), "DOWNLOADED")

    def _verify(self, progress: Progress) -> None:
        manifest = self._checked(progress)
        sha256 = manifest.model.sha256
        if self._packages.read(sha256) is None:
            raise Refused("package_damaged", "it is not on the disk as it was received")
        self._trial(self._packages.model_file(sha256), manifest, progress.job.timeouts.verify)
        self._enter(self._now(progress), "VERIFIED")

    def _begin_shadow(self, progress: Progress) -> None:
        self._enter(progress.model_copy(update={"trying": True, "boots": 0}), "SHADOW")

    def _load_beside(self, progress: Progress) -> None:
        candidate = self._candidate(self._manifest(progress).model.sha256)
        if candidate is None:
            raise Refused("corrupt_model", "it cannot be loaded")
        self._beside = candidate
        self._beside_tally = self._scorer.put_beside(candidate)
        self._compared = None if self._running is None else self._tally
        self._compared_from = self._tally.read()

    def _watch_shadow(self, progress: Progress) -> float:
        if self._beside is None:
            self._load_beside(progress)
        counts = self._beside_tally.read()
        old = None if self._compared is None else self._compared.read().since(self._compared_from)
        self._check_stall(self._beside_tally)
        check_health(counts, old, self._limits)
        if counts.readings < progress.job.shadow_readings:
            if self._overdue(progress):
                raise Refused("shadow_timeout", f"{counts.readings} readings came in time")
            return _WATCH_SECONDS
        self._activate(progress)
        return 0.0

    def _activate(self, progress: Progress) -> None:
        self._checked(progress)  # its time may have passed meanwhile
        before = self._packages.current
        self._packages.point("previous", before)
        progress = progress.model_copy(update={"activating": True, "boots": 0, "before": before})
        self._change(progress)
        self._finish_activation(progress)

    def _finish_activation(self, progress: Progress) -> None:
        sha256 = self._manifest(progress).model.sha256
        self._packages.point("current", sha256)
        if self._beside is not None:
            self._running_before, self._running = self._running, self._beside
            self._beside = None
            self._tally = self._scorer.swap(self._running)
            # The one before scores on, so that there is something to compare with.
            tally = self._scorer.put_beside(self._running_before)
            self._old_tally = None if self._running_before is None else tally
        self._enter(progress, "ACTIVE_UNCONFIRMED")

    def _watch_soak(self, progress: Progress) -> float:
        counts = self._tally.read()
        old = None if self._old_tally is None else self._old_tally.read()
        self._check_stall(self._tally)
        check_health(counts, old, self._limits)
        if counts.readings < progress.job.soak_readings:
            if self._overdue(progress):
                raise Refused("soak_timeout", f"{counts.readings} readings came in time")
            return _WATCH_SECONDS
        self._confirm(progress, self._manifest(progress))
        return 0.0

    def _confirm(self, progress: Progress, manifest: PackageManifest) -> None:
        self._enter(
            progress.model_copy(update={"activating": False}),
            "SUCCEEDED",
            counter=max(self._journal.counter, manifest.counter),
            signed_us=max(self._journal.signed_us, manifest.created_us),
        )
        self._scorer.put_beside(None)
        self._running_before = self._old_tally = None
        self._packages.prune()

    # Ways out.

    def _end_badly(self, reason: str, text: str) -> None:
        progress = self._journal.progress
        assert progress is not None
        if progress.activating:
            self._go_back(reason, text)
            return
        log.warning("job %s failed: %s (%s)", progress.job.job_id, reason, text)
        self._scorer.put_beside(None)
        self._beside = None
        self._enter(progress.model_copy(update={"reason": reason, "text": text}), "FAILED")
        self._packages.prune()
        if reason == _STALLS:
            self._stalled()

    def _go_back(self, reason: str, text: str) -> None:
        progress = self._journal.progress
        assert progress is not None
        log.warning("job %s goes back: %s (%s)", progress.job.job_id, reason, text)
        if not progress.going_back:
            update = {"going_back": True, "reason": reason, "text": text}
            progress = progress.model_copy(update=update)
            self._change(progress)
        self._finish_going_back(progress)

    def _finish_going_back(self, progress: Progress) -> None:
        """The model before is in use again: on the disk first, then here."""
        self._packages.point("current", progress.before)
        self._scorer.put_beside(None)
        if self._running_before is not None:
            self._running, self._running_before = self._running_before, None
            self._tally = self._scorer.swap(self._running)
        elif progress.before is None or not self._put_in_use(progress.before):
            self._scorer.swap(None)
            self._running = None
        self._beside = self._old_tally = None
        self._enter(progress.model_copy(update={"activating": False}), "ROLLED_BACK")
        self._packages.prune()
        if progress.reason == _STALLS:
            self._stalled()

    def _check_stall(self, tally: Tally) -> None:
        since = tally.busy_since_us
        if since is None:
            return
        if self._clock.monotonic_us() - since > self._limits.stall_seconds * 1e6:
            raise Refused(_STALLS, "a window takes too long")

    # The server's word.

    def _read_mail(self) -> None:
        while self._mail:
            message = self._mail[0]
            if isinstance(message, JobReply):
                self._take_reply(message)
            else:
                self._take_notice(message.job)
            self._mail.popleft()  # acted upon, as far as the disk allowed

    def _take_notice(self, job: JobDocument | None) -> None:
        progress = self._journal.progress
        known = progress is not None and job is not None and job.job_id == progress.job.job_id
        over = job is None or job.state in FINAL_STATES
        if known and not over:
            return
        if not known:
            self._next = None if over else job
        if progress is None or progress.final:
            return
        # The server is done with the job at hand: it was cancelled, timed out, or another came.
        self._disown(progress)

    def _take_reply(self, reply: JobReply) -> None:
        progress = self._journal.progress
        if progress is None or reply.job_id != progress.job.job_id or reply.accepted:
            return
        if reply.state in FINAL_STATES or reply.reason == "unknown_job":
            if not progress.final:
                self._disown(progress)
            return
        if reply.version > progress.version:
            # Reports were counted otherwise there: say again how things stand.
            self._change(progress.model_copy(update={"version": reply.version, "reported": False}))

    def _disown(self, progress: Progress) -> None:
        if progress.activating and self._next is not None:
            self._go_back("superseded", "another job came before it was confirmed")
        elif progress.activating:
            # It scores already, and what it is worth shows in the soak, not in the server's mood.
            if not progress.disowned:
                self._change(progress.model_copy(update={"disowned": True}))
        else:
            self._end_badly("cancelled", "the server has ended the job")

    # The journal.

    def _enter(self, progress: Progress, state: JobState, **remembered: int) -> None:
        known = self._journal.progress
        if known is not None and known.job.job_id == progress.job.job_id:
            progress = progress.model_copy(update={"version": known.version})
        quiet = state == "QUEUED"
        update = {"state": state, "reported": quiet}
        self._change(progress.model_copy(update=update), **remembered)
        self._begin_step()
        if not quiet:
            assert self._journal.progress is not None
            self._tell(self._journal.progress)

    def _change(self, progress: Progress, **remembered: int) -> None:
        journal = self._journal.model_copy(update={"progress": progress, **remembered})
        self._file.write(journal)
        self._journal = journal

    def _now(self, progress: Progress) -> Progress:
        return self._journal.progress or progress

    def _tell(self, progress: Progress) -> None:
        """Report a state; one that cannot be kept is tried again, and changes nothing else."""
        model = self._model(progress)
        active = self._active_manifest()
        update = DeploymentJobUpdated(
            rollout_id=progress.job.rollout_id,
            job_id=progress.job.job_id,
            device=self._device,
            state=progress.state,
            expected_version=progress.version,
            model=model,
            active=None if active is None else active.model,
            reason=progress.reason,
            details={} if progress.text is None else {"text": progress.text[:500]},
            wall_us=max(0, self._clock.wall_us()),
        )
        try:
            self._report_event(update)
            self._change(
                progress.model_copy(update={"reported": True, "version": progress.version + 1})
            )
        except Exception as error:
            log.warning("a job's state cannot be reported now: %r", error)

    def _manifest(self, progress: Progress) -> PackageManifest:
        try:
            return PackageManifest.model_validate_json(progress.job.package.manifest)
        except ValueError as error:
            raise Refused("bad_manifest", "the manifest is malformed") from error

    def _model(self, progress: Progress) -> ModelRef:
        """What the job is about, as far as can be said."""
        try:
            return self._manifest(progress).model
        except Refused:
            text = progress.job.package.manifest.encode()
            return ModelRef(name="unknown", version=1, sha256=hashlib.sha256(text).hexdigest())

    def _active_manifest(self) -> PackageManifest | None:
        """Of the package in use, as the disk has it."""
        sha256 = self._packages.current
        installed: Installed | None = None if sha256 is None else self._packages.read(sha256)
        return None if installed is None else installed.manifest

    def _begin_step(self) -> None:
        self._step_begun_us = self._clock.monotonic_us()

    def _overdue(self, progress: Progress) -> bool:
        timeouts = progress.job.timeouts
        seconds = {
            "IN_PROGRESS": timeouts.download,
            "DOWNLOADED": timeouts.verify,
            "SHADOW": timeouts.shadow,
            "ACTIVE_UNCONFIRMED": timeouts.soak,
        }.get(progress.state, timeouts.verify)
        return self._clock.monotonic_us() - self._step_begun_us > seconds * 1e6
