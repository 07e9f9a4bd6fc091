"""Does the jobs of rollouts of the agent itself.

    QUEUED -> IN_PROGRESS -> DOWNLOADED -> VERIFIED -> ACTIVE_UNCONFIRMED -> SUCCEEDED
    before the new release is started whatever goes wrong ends in FAILED, then in ROLLED_BACK

The order of an activation: note that it begins; put the release on trial; end, so that the
supervisor starts it. The release on trial confirms itself once it is healthy; it goes back by
refusing itself and ending. Whichever release runs next finds in the slots how it went.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lineal_edge.clock import Clock
from lineal_edge.interfaces import EventSink
from lineal_edge.releases.slots import Release, Slots, SlotState
from lineal_edge.releases.supervisor import Supervised
from lineal_edge.releases.wheels import check_slot, fill_slot
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import Download, Fetch
from lineal_edge.update.job_machine import IDLE_SECONDS, RETRY_SECONDS, JobMachine
from lineal_edge.update.journal import Progress
from lineal_edge.update.logbook import Logbook, agent_manifest_of
from lineal_edge.update.trust import Trust
from lineal_edge.update.verification import PackageRejected, check_agent_fit
from lineal_schemas.deployments import AGENT, AgentManifest
from lineal_schemas.models import ModelRef

log = logging.getLogger(__name__)

_WATCH_SECONDS = 0.25
_GRACE_SECONDS = 60.0
"""By which the supervisor waits longer than the release's own time."""


class Vitals(NamedTuple):
    """How the agent does."""

    readings: int
    """Taken since it started."""
    connected: bool
    """To the broker, now."""


class AgentMachine(JobMachine):
    """One device's jobs of the agent.

    Args:
        folder: of the slots, the journal and downloads.
        supervised: what the supervisor says; None: nobody would start another release.
        vitals: asked while a release is on trial.
        restart: ends the agent in order.
        pause: waits so many seconds, or until something happens.
    """

    def __init__(
        self,
        *,
        device: str,
        slots: Slots,
        disk: Disk,
        trust: Trust,
        supervised: Supervised | None,
        report: EventSink,
        clock: Clock,
        fetch: Fetch,
        vitals: Callable[[], Vitals],
        restart: Callable[[], None],
        pause: Callable[[float], None],
        fleet: str | None = None,
    ) -> None:
        self._device = device
        self._fleet = fleet
        self._slots = slots
        self._disk = disk
        self._supervised = supervised
        self._clock = clock
        self._fetch = fetch
        self._vitals = vitals
        self._restart = restart
        self._pause = pause
        self._restarting = False
        self._begun: int | None = None
        """Readings when the release was seen to be connected first."""
        super().__init__(Logbook(device, slots.folder, disk, self._active, report, clock), trust)

    # The start.

    def recover(self) -> None:
        """See how the last job went on, or came out."""
        try:
            self._disk.make_folder(self._downloads)
            progress = self._book.open()
            self._book.begin_step()
            self._recovered = True
            if progress is not None and not progress.final and progress.activating:
                self._resume(progress, self._slots.read())
        except OSError as error:
            log.error("what an update of the agent has come to cannot be noted: %s", error)

    def _resume(self, progress: Progress, state: SlotState) -> None:
        """Go on with a release on trial, from what the slots say of it."""
        manifest = agent_manifest_of(progress)
        sha256 = manifest.release.sha256
        if state.trial is not None and state.trial.release.sha256 == sha256:
            if self._running != sha256:
                self._restart_once()  # it was on trial already, and this is the one before
            elif progress.state != "ACTIVE_UNCONFIRMED":
                self._book.enter(progress, "ACTIVE_UNCONFIRMED")
        elif state.confirmed is not None and state.confirmed.sha256 == sha256:
            self._succeed(progress, manifest)
        elif reason := state.rejected.get(sha256):
            text = {"reason": "not_healthy", "text": reason, "activating": False}
            self._book.enter(progress.model_copy(update=text), "ROLLED_BACK")
            self._clean()
        elif progress.state == "VERIFIED":
            self._put_on_trial(progress, manifest)  # noted, and not done yet
        else:
            text = {"reason": "slots_lost", "text": "nothing is known of it", "activating": False}
            self._book.enter(progress.model_copy(update=text), "ROLLED_BACK")

    @property
    def _running(self) -> str | None:
        return None if self._supervised is None else self._supervised.release

    def _active(self) -> ModelRef | None:
        """The release in use, if it is one of a rollout."""
        state = self._slots.read()
        releases = [state.confirmed, None if state.trial is None else state.trial.release]
        for release in releases:
            if release is not None and release.sha256 == self._running:
                return ModelRef(name=AGENT, version=release.number, sha256=release.sha256)
        return None

    @property
    def _downloads(self) -> Path:
        return self._slots.folder / "downloads"

    def _part(self, manifest: AgentManifest) -> Path:
        return self._downloads / manifest.release.sha256

    # The steps.

    def _step(self, progress: Progress) -> float:
        state = progress.state
        if self._restarting:
            return IDLE_SECONDS
        if state == "ACTIVE_UNCONFIRMED":
            return self._watch(progress)
        if progress.activating:
            self._resume(progress, self._slots.read())
            return RETRY_SECONDS
        if state == "QUEUED":
            self._admit(progress)
        elif state == "IN_PROGRESS":
            self._download(progress)
        elif state == "DOWNLOADED":
            self._verify(progress)
        else:
            self._activate(progress)
        return 0.0

    def _admit(self, progress: Progress) -> None:
        """Look at the signed manifest before a byte is fetched."""
        if progress.job.device != self._device:
            raise PackageRejected("wrong_device", f"the job is for {progress.job.device}")
        if self._supervised is None:
            raise PackageRejected(
                "not_supervised", "the agent was not started by `lineal-edge supervise`"
            )
        self._trust.renew(progress.job.url, self._now_us())
        manifest = self._checked(progress)
        confirmed = self._slots.read().confirmed
        if confirmed is not None and confirmed.sha256 == manifest.release.sha256 == self._running:
            self._succeed(progress, manifest)
        else:
            self._book.enter(progress, "IN_PROGRESS")

    def _checked(self, progress: Progress) -> AgentManifest:
        journal = self._book.journal.in_epoch(self._trust.epoch)
        now_us = self._now_us()
        manifest = self._trust.open(progress.job.package, now_us, AgentManifest)
        check_agent_fit(
            manifest,
            installed=self._running,
            counter=journal.counter,
            now_us=now_us,
            fleet=self._fleet,
            rejected=self._slots.read().rejected,
        )
        return manifest

    def _now_us(self) -> int:
        """The wall clock, or the newest time known from a signed package if that is later."""
        signed_us = self._book.journal.in_epoch(self._trust.epoch).signed_us
        return max(self._clock.wall_us(), signed_us)

    def _download(self, progress: Progress) -> None:
        manifest = agent_manifest_of(progress)
        download = Download(
            self._disk,
            self._fetch,
            self._part(manifest),
            going_on=self._going_on,
            pause=self._pause,
        )
        download.run(progress.job.url, manifest.bytes, manifest.release.sha256)
        self._book.enter(self._book.current, "DOWNLOADED")

    def _verify(self, progress: Progress) -> None:
        """Fill the free slot, and see whether its agent starts and takes the settings."""
        manifest = self._checked(progress)
        assert self._supervised is not None
        slot = self._slots.free_slot()
        fill_slot(self._part(manifest), self._slots.path(slot), self._supervised.base_path)
        check_slot(
            self._slots.python(slot),
            self._supervised.settings,
            manifest.agent_version,
            progress.job.timeouts.verify,
        )
        self._book.enter(progress, "VERIFIED")

    def _activate(self, progress: Progress) -> None:
        manifest = self._checked(progress)  # its time may have passed meanwhile
        activating = progress.model_copy(update={"activating": True})
        self._put_on_trial(self._book.change(activating), manifest)

    def _put_on_trial(self, progress: Progress, manifest: AgentManifest) -> None:
        release = Release(
            manifest.release.sha256,
            self._slots.free_slot(),
            manifest.release.version,
            manifest.agent_version,
        )
        self._slots.begin_trial(release, progress.job.timeouts.soak + _GRACE_SECONDS)
        self._restart_once()

    def _watch(self, progress: Progress) -> float:
        """While this release is on trial: confirm it, or go back from it."""
        manifest = agent_manifest_of(progress)
        vitals = self._vitals()
        if not vitals.connected:
            self._begun = None
        elif self._begun is None:
            self._begun = vitals.readings
        elif vitals.readings - self._begun >= progress.job.soak_readings:
            assert self._supervised is not None
            self._slots.confirm(manifest.release.sha256, self._supervised.base_version)
            self._succeed(progress, manifest)
            return 0.0
        if self._book.overdue():
            reason = "no readings" if vitals.connected else "it did not reach the broker"
            log.error("going back from release %s: %s", manifest.agent_version, reason)
            self._slots.reject(manifest.release.sha256, reason)
            self._restart_once()
        return _WATCH_SECONDS

    def _succeed(self, progress: Progress, manifest: AgentManifest) -> None:
        self._book.succeed(progress, manifest)
        self._clean()

    # Ways out.

    def _end_badly(self, reason: str, text: str) -> None:
        progress = self._book.current
        if progress.activating:
            log.error("%s: %s", reason, text)  # it is the supervisor's to go back now
            return
        log.warning("job %s failed: %s (%s)", progress.job.job_id, reason, text)
        if reason in ("does_not_start", "wrong_version", "bad_release"):
            self._slots.reject(agent_manifest_of(progress).release.sha256, f"{reason}: {text}")
        self._book.enter(progress.model_copy(update={"reason": reason, "text": text}), "FAILED")
        self._clean()

    def _disown(self, progress: Progress) -> None:
        if not progress.activating:
            self._end_badly("cancelled", "the server has ended the job")
        elif not progress.disowned:
            # What it is worth shows on trial, whatever the server says meanwhile.
            self._book.change(progress.model_copy(update={"disowned": True}))

    def _restart_once(self) -> None:
        if self._supervised is None:
            log.error("another release is to run: start the agent by `lineal-edge supervise`")
        elif not self._restarting:
            self._restarting = True
            self._restart()

    def _clean(self) -> None:
        for name in self._disk.names(self._downloads):
            self._disk.remove(self._downloads / name)
