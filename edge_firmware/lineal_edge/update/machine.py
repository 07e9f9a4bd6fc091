"""The state machine of a rollout job on the device.

    QUEUED -> IN_PROGRESS -> DOWNLOADED -> VERIFIED -> SHADOW -> ACTIVE_UNCONFIRMED -> SUCCEEDED
    before the swap whatever goes wrong ends in FAILED, after it in ROLLED_BACK

A power cut anywhere leaves a journal from which the next start goes on, or back. The order of an
activation: pin ``previous``; note that it begins, with its boot counter; point ``current``; swap.
Going back: note it; point ``current`` back; swap. A start that finds a model on trial counts itself
before it loads the model, so a model that kills the agent is gone after a few starts. What the
server says, or that it cannot be told, never takes a good model back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from lineal_edge.clock import Clock
from lineal_edge.interfaces import EventSink
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import Download, Fetch
from lineal_edge.update.health import Limits
from lineal_edge.update.job_machine import JobMachine
from lineal_edge.update.journal import Progress
from lineal_edge.update.logbook import Logbook, manifest_of
from lineal_edge.update.models_in_use import STALLS, ModelsInUse, SwappableScorer
from lineal_edge.update.packages import Packages
from lineal_edge.update.trust import make_trust
from lineal_edge.update.verification import PackageRejected, check_fit
from lineal_schemas.deployments import PackageManifest

log = logging.getLogger(__name__)

MAX_BOOTS = 3
"""Starts with an unconfirmed model; at the next one it goes back."""

_WATCH_SECONDS = 0.25

Trial = Callable[[Path, PackageManifest, float], None]


class UpdateMachine(JobMachine):
    """One device's jobs of models.

    Args:
        stalled: called when the model in use hangs; it has been taken back on the disk, and only a
            new start of the agent gets rid of it.
        pause: waits so many seconds, or until something happens.
        root: of TUF, that trust begins with; None trusts ``trusted_keys``.
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
        fleet: str | None = None,
        root: bytes | None = None,
    ) -> None:
        self._device = device
        self._fleet = fleet
        self._disk = disk
        self._clock = clock
        self._fetch = fetch
        self._trial = trial
        self._stalled = stalled
        self._pause = pause
        self._packages = Packages(folder, disk)
        self._models = ModelsInUse(scorer, self._packages, clock, limits or Limits())
        book = Logbook(device, folder, disk, self._packages.current_model, report, clock)
        super().__init__(book, make_trust(trusted_keys, root, folder, disk, fetch))

    # The start.

    def recover(self) -> None:
        """Come back from whatever the last run was interrupted in, and put a model in use. While
        the disk cannot be written that is the last confirmed one, and the rest has to wait."""
        try:
            self._recover()
            self._recovered = True
        except OSError as error:
            log.error("what an update has come to cannot be noted: %s", error)
            progress = self.progress
            confirmed = self._packages.current
            if progress is not None and progress.activating and not progress.final:
                confirmed = progress.before
            if self._models.running != confirmed and not self._models.put_in_use(confirmed):
                self._models.put_in_use(None)

    def _recover(self) -> None:
        self._packages.prepare()
        progress = self._book.open()
        if progress is not None and not progress.final and progress.trying:
            progress = progress.model_copy(update={"boots": progress.boots + 1})
            self._take_up(self._book.change(progress))
        else:
            self._load_current()
            if progress is None or progress.final:
                self._packages.prune()  # the power went between a job's end and that
        self._book.begin_step()

    def _take_up(self, progress: Progress) -> None:
        """Go on with a model on trial, or back."""
        too_often = progress.boots > MAX_BOOTS
        sha256 = manifest_of(progress).model.sha256
        if progress.going_back:
            self._finish_going_back(progress)
        elif progress.activating and too_often:
            self._go_back("boot_loop", f"not confirmed after {MAX_BOOTS} starts")
        elif progress.activating and self._packages.current == sha256:
            if not self._models.put_in_use(sha256):
                self._go_back("model_damaged", "it cannot be loaded any more")
        else:
            # If it was activating: the power went between noting and doing it.
            self._load_current()
            if too_often:
                self._end_badly("boot_loop", f"not tried out after {MAX_BOOTS} starts")
            elif progress.activating:
                self._book.change(progress.model_copy(update={"activating": False}))

    def _load_current(self) -> None:
        current, previous = self._packages.current, self._packages.previous
        if current is not None and self._models.put_in_use(current):
            installed = self._packages.read(current)
            if installed is not None:
                self._book.remember_counter(installed.manifest.counter, installed.manifest.epoch)
        elif previous is not None and self._models.put_in_use(previous):
            log.error("the model in use is damaged; the one before takes its place")
            self._packages.point("current", previous)
        else:
            self._models.put_in_use(None)

    # The steps.

    def _step(self, progress: Progress) -> float:
        state = progress.state
        if progress.going_back:
            self._finish_going_back(progress)
        elif state == "ACTIVE_UNCONFIRMED":
            return self._watch_soak(progress)
        elif progress.activating:
            self._finish_activation(progress)
        elif state == "QUEUED":
            self._admit(progress)
        elif state == "IN_PROGRESS":
            self._download(progress)
        elif state == "DOWNLOADED":
            self._verify(progress)
        elif state == "VERIFIED":
            trying = progress.model_copy(update={"trying": True, "boots": 0})
            self._book.enter(trying, "SHADOW")
        else:
            return self._watch_shadow(progress)
        return 0.0

    def _admit(self, progress: Progress) -> None:
        """Look at the signed manifest before a byte is fetched."""
        if progress.job.device != self._device:
            raise PackageRejected("wrong_device", f"the job is for {progress.job.device}")
        self._trust.renew(progress.job.url, self._now_us())
        manifest = self._checked(progress)
        if self._models.running == self._packages.current == manifest.model.sha256:
            self._confirm(progress, manifest)
        else:
            self._book.enter(progress, "IN_PROGRESS")

    def _checked(self, progress: Progress) -> PackageManifest:
        journal = self._book.journal.in_epoch(self._trust.epoch)
        now_us = self._now_us()
        manifest = self._trust.open(progress.job.package, now_us, PackageManifest)
        current = self._packages.current
        active = None if current is None else self._packages.read(current)
        check_fit(
            manifest,
            features=self._models.features,
            active=None if active is None else active.model,
            counter=journal.counter,
            now_us=now_us,
            fleet=self._fleet,
        )
        return manifest

    def _now_us(self) -> int:
        """The wall clock, or the newest time known from a signed package if that is later."""
        signed_us = self._book.journal.in_epoch(self._trust.epoch).signed_us
        return max(self._clock.wall_us(), signed_us)

    def _download(self, progress: Progress) -> None:
        manifest = manifest_of(progress)
        sha256 = manifest.model.sha256
        if self._packages.read(sha256) is None:
            self._packages.prune(sha256)
            download = Download(
                self._disk,
                self._fetch,
                self._packages.part(sha256),
                going_on=self._going_on,
                pause=self._pause,
            )
            download.run(progress.job.url, manifest.bytes, sha256)
        self._packages.install(progress.job.package, sha256)
        self._book.enter(self._book.current, "DOWNLOADED")

    def _verify(self, progress: Progress) -> None:
        manifest = self._checked(progress)
        sha256 = manifest.model.sha256
        if self._packages.read(sha256) is None:
            raise PackageRejected("package_damaged", "it is not on the disk as it was received")
        self._trial(self._packages.model_file(sha256), manifest, progress.job.timeouts.verify)
        self._book.enter(progress, "VERIFIED")

    def _watch_shadow(self, progress: Progress) -> float:
        if not self._models.in_shadow:
            self._models.put_in_shadow(manifest_of(progress).model.sha256)
        readings = self._models.check_shadow()
        if readings >= progress.job.shadow_readings:
            self._activate(progress)
            return 0.0
        if self._book.overdue():
            raise PackageRejected("shadow_timeout", f"{readings} readings came in time")
        return _WATCH_SECONDS

    def _activate(self, progress: Progress) -> None:
        self._checked(progress)  # its time may have passed meanwhile
        before = self._packages.current
        self._packages.point("previous", before)
        update = {"activating": True, "boots": 0, "before": before}
        self._finish_activation(self._book.change(progress.model_copy(update=update)))

    def _finish_activation(self, progress: Progress) -> None:
        self._packages.point("current", manifest_of(progress).model.sha256)
        self._models.take_over()
        self._book.enter(progress, "ACTIVE_UNCONFIRMED")

    def _watch_soak(self, progress: Progress) -> float:
        readings = self._models.check_soak()
        if readings >= progress.job.soak_readings:
            self._confirm(progress, manifest_of(progress))
            return 0.0
        if self._book.overdue():
            raise PackageRejected("soak_timeout", f"{readings} readings came in time")
        return _WATCH_SECONDS

    def _confirm(self, progress: Progress, manifest: PackageManifest) -> None:
        self._book.succeed(progress, manifest)
        self._models.end_trial()
        self._packages.prune()

    # Ways out.

    def _end_badly(self, reason: str, text: str) -> None:
        progress = self._book.current
        if progress.activating:
            self._go_back(reason, text)
            return
        log.warning("job %s failed: %s (%s)", progress.job.job_id, reason, text)
        self._models.end_trial()
        self._book.enter(progress.model_copy(update={"reason": reason, "text": text}), "FAILED")
        self._packages.prune()
        if reason == STALLS:
            self._stalled()

    def _go_back(self, reason: str, text: str) -> None:
        progress = self._book.current
        log.warning("job %s goes back: %s (%s)", progress.job.job_id, reason, text)
        if not progress.going_back:
            update = {"going_back": True, "reason": reason, "text": text}
            progress = self._book.change(progress.model_copy(update=update))
        self._finish_going_back(progress)

    def _finish_going_back(self, progress: Progress) -> None:
        """The model before is in use again: on the disk first, then here."""
        self._packages.point("current", progress.before)
        self._models.roll_back(progress.before)
        self._book.enter(progress.model_copy(update={"activating": False}), "ROLLED_BACK")
        self._packages.prune()
        if progress.reason == STALLS:
            self._stalled()

    def _disown(self, progress: Progress) -> None:
        if progress.activating and self._next is not None:
            self._go_back("superseded", "another job came before it was confirmed")
        elif progress.activating:
            # It scores already, and what it is worth shows in the soak, not in the server's mood.
            if not progress.disowned:
                self._book.change(progress.model_copy(update={"disowned": True}))
        else:
            self._end_badly("cancelled", "the server has ended the job")
