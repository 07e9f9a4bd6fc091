"""Runs the agent, and the release of it that is to run: ``lineal-edge supervise``.

A release on trial is counted before each start and has to be confirmed, by itself, within its time;
one that does not come to that is rejected, and the confirmed release runs again. What is needed to
go back is here, in the installed release, and nothing of the one on trial.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal_edge.backoff import Backoff
from lineal_edge.releases.slots import INSTALLED, Slots
from lineal_edge.watchdog import Watchdog

log = logging.getLogger(__name__)

MAX_BOOTS = 3
"""Starts of a release on trial; at the next one it is rejected."""
_MAX_QUICK_ENDS = 5
"""Ends within a minute, after which the installed release is run in place of the confirmed one."""
_QUICK_SECONDS = 60.0
_STOP_SECONDS = 25.0
_LOOK_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1

RELEASE, BASE_PATH, BASE_VERSION = (
    "LINEAL_EDGE_RELEASE",
    "LINEAL_EDGE_BASE_PATH",
    "LINEAL_EDGE_BASE_VERSION",
)
SETTINGS = "LINEAL_EDGE_SETTINGS"


class Supervised(NamedTuple):
    """What a supervisor says to the agent it runs."""

    release: str
    """Digest of the release, or ``installed``."""
    base_path: tuple[str, ...]
    """Folders of the installed release's libraries: a release brings what it changes."""
    base_version: str
    settings: Path


def supervised(environment: Mapping[str, str] | None = None) -> Supervised | None:
    """What the supervisor says; None for an agent that runs without one."""
    said = os.environ if environment is None else environment
    if RELEASE not in said:
        return None
    paths = tuple(filter(None, said.get(BASE_PATH, "").split(os.pathsep)))
    return Supervised(said[RELEASE], paths, said.get(BASE_VERSION, ""), Path(said[SETTINGS]))


class Supervisor:
    """One agent at a time, until :meth:`request_stop`.

    Args:
        arguments: of ``lineal-edge``, as ``run --settings FILE``.
        version: of the installed release.
        backoff: pauses after an agent has ended by itself.
    """

    def __init__(
        self,
        slots: Slots,
        arguments: Sequence[str],
        settings: Path,
        version: str,
        backoff: Backoff | None = None,
    ) -> None:
        self._slots = slots
        self._arguments = list(arguments)
        self._settings = settings
        self._version = version
        self._backoff = backoff or Backoff(1.0, 30.0)
        self._stopping = threading.Event()
        self._quick_ends = 0
        self._watchdog = Watchdog()

    def request_stop(self) -> None:
        """From a signal handler."""
        self._stopping.set()

    def run(self) -> int:
        """Until it is asked to stop; the exit code."""
        while not self._stopping.is_set():
            before = self._slots.read()
            self._watchdog.alive()  # from here on the agent says so itself
            release, python = self._choose()
            begun = time.monotonic()
            try:
                code = self._run(release, python)
            except OSError as error:
                log.error("%s cannot be started: %s", python, error)
                code = 1
                if release != INSTALLED:
                    self._quick_ends = _MAX_QUICK_ENDS
                    self._reject_if_on_trial(release, f"cannot be started: {error.strerror}")
            if self._stopping.is_set():
                break
            after = self._slots.read()
            log.warning("the agent (%s) has ended with %d", release[:12], code)
            quick = code != 0 and time.monotonic() - begun < _QUICK_SECONDS
            self._quick_ends = self._quick_ends + 1 if quick else 0
            if (after.confirmed, after.rejected) != (before.confirmed, before.rejected) or (
                after.trial is not None and before.trial is None
            ):
                self._quick_ends = 0
                self._backoff.reset()
                continue  # another release runs next
            if not quick:
                self._backoff.reset()
            self._stopping.wait(self._backoff.next())
        self._watchdog.stopping()
        return 0

    def _choose(self) -> tuple[str, Path]:
        """The release to run, and its Python; one on trial is counted first."""
        state = self._slots.read()
        trial = state.trial
        if trial is not None:
            if trial.boots >= MAX_BOOTS:
                self._reject_if_on_trial(
                    trial.release.sha256, f"not confirmed after {MAX_BOOTS} starts"
                )
            else:
                try:
                    self._slots.count_boot()
                    return trial.release.sha256, self._slots.python(trial.release.slot)
                except OSError as error:
                    # what cannot be counted is not tried
                    log.error("the release on trial has to wait: %s", error)
        confirmed = state.confirmed
        if confirmed is None:
            return INSTALLED, Path(sys.executable)
        python = self._slots.python(confirmed.slot)
        if state.over != self._version:
            log.info("%s was installed since: it takes the slots' place", self._version)
        elif not python.exists():
            log.error("release %s is damaged: the installed one runs", confirmed.version)
        elif self._quick_ends >= _MAX_QUICK_ENDS:
            log.error("release %s ends at once: the installed one runs", confirmed.version)
        else:
            return confirmed.sha256, python
        return INSTALLED, Path(sys.executable)

    def _run(self, release: str, python: Path) -> int:
        environment = {key: value for key, value in os.environ.items() if key != "WATCHDOG_PID"}
        environment |= {
            RELEASE: release,
            BASE_PATH: os.pathsep.join(base_path()),
            BASE_VERSION: self._version,
            SETTINGS: str(self._settings),
            "PYTHONSAFEPATH": "1",
        }
        if release != INSTALLED:
            environment.pop("PYTHONPATH", None)  # it would hide what the release brings
        log.info("starting the agent, release %s", release[:12])
        child = subprocess.Popen(
            [str(python), "-m", "lineal_edge", *self._arguments],
            env=environment,
            preexec_fn=_end_with_parent(os.getpid()),
        )
        state = self._slots.read()
        until = None
        if state.trial is not None and state.trial.release.sha256 == release:
            until = time.monotonic() + state.trial.seconds
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_SECONDS)
            if self._stopping.is_set():
                return _end(child)
            if until is not None and time.monotonic() > until:
                trial = self._slots.read().trial
                if trial is None or trial.release.sha256 != release:
                    until = None  # confirmed, or gone back by itself
                    continue
                code = _end(child)
                self._reject_if_on_trial(release, "not confirmed in time")
                return code

    def _reject_if_on_trial(self, sha256: str, reason: str) -> None:
        trial = self._slots.read().trial
        if trial is not None and trial.release.sha256 == sha256:
            log.error("release %s is gone back from: %s", trial.release.version, reason)
            with contextlib.suppress(OSError):  # at the next start, then
                self._slots.reject(sha256, reason)


def base_path() -> list[str]:
    """Folders from which the installed release imports what is not Python's own."""
    own = {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib")}
    own |= {f"{folder}/lib-dynload" for folder in own}
    found = []
    for entry in sys.path:
        folder = Path(entry).resolve()
        if entry and folder.is_dir() and str(folder) not in own:
            found.append(str(folder))
    return list(dict.fromkeys(found))


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        log.error("the agent does not end: it is killed")
        child.kill()
        return child.wait()


def _end_with_parent(parent: int) -> Callable[[], None]:
    """Have the kernel kill the agent when its supervisor is gone: there are never two."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before
            os._exit(1)

    return prepare
