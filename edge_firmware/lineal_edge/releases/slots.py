"""Which release of the agent runs, in a file that every release can read.

slots.json      confirmed, trial, rejected
slots/a, b      a virtual environment each: the confirmed release, and the one that comes next

Only one writes at a time: the agent while it runs, the supervisor while no agent runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lineal_edge.update.disk import Disk

INSTALLED = "installed"
"""In place of a digest: the release that the package or the image brought."""

MAX_REJECTED = 50


@dataclass(frozen=True)
class Release:
    """A release in a slot."""

    sha256: str
    """Of its ZIP of wheels."""
    slot: str
    number: int
    """Counted by the centre."""
    version: str


@dataclass(frozen=True)
class Trial:
    """A release that has not been confirmed yet."""

    release: Release
    seconds: float
    """From a start until it has to be confirmed."""
    boots: int = 0
    """Starts so far."""


@dataclass(frozen=True)
class SlotState:
    """What the file says."""

    confirmed: Release | None = None
    """None: the installed release."""
    over: str = ""
    """The version that was installed when it was confirmed: another one takes its place."""
    trial: Trial | None = None
    rejected: dict[str, str] = field(default_factory=dict)
    """Releases that went back, by digest, with the reason: they are not tried again."""


class Slots:
    """The folder ``agent`` of a device."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self._disk = disk or Disk()
        self._file = folder / "slots.json"

    def read(self) -> SlotState:
        """What is noted; where nothing can be read, the installed release runs."""
        data = self._disk.read(self._file)
        try:
            fields: dict[str, Any] = json.loads(data or b"{}")
            confirmed, trial = fields.get("confirmed"), fields.get("trial")
            return SlotState(
                confirmed=_release(confirmed),
                over=str(fields.get("over", "")),
                trial=None if trial is None else _trial(trial),
                rejected={str(key): str(why) for key, why in fields.get("rejected", {}).items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return SlotState()

    def write(self, state: SlotState) -> None:
        """Note it, on the disk when this returns.

        Raises:
            OSError: what was noted before is still there.
        """
        self._disk.make_folder(self.folder)
        self._disk.replace(self._file, json.dumps(asdict(state)).encode())

    def begin_trial(self, release: Release, seconds: float) -> None:
        """Have a release run from the next start on."""
        self.write(replace(self.read(), trial=Trial(release, seconds)))

    def count_boot(self) -> None:
        """Note one more start of the release on trial, before it is started."""
        state = self.read()
        if state.trial is not None:
            self.write(replace(state, trial=replace(state.trial, boots=state.trial.boots + 1)))

    def confirm(self, sha256: str, over: str) -> None:
        """The release on trial is the one that runs from now on, unless another one is installed
        in place of the version ``over``."""
        state = self.read()
        if state.trial is not None and state.trial.release.sha256 == sha256:
            self.write(replace(state, confirmed=state.trial.release, over=over, trial=None))

    def reject(self, sha256: str, reason: str) -> None:
        """Never try this release again; if it is on trial, the confirmed one runs next."""
        state = self.read()
        others = [item for item in state.rejected.items() if item[0] != sha256]
        rejected = dict([*others, (sha256, reason)][-MAX_REJECTED:])
        on_trial = state.trial is not None and state.trial.release.sha256 == sha256
        self.write(replace(state, rejected=rejected, trial=None if on_trial else state.trial))

    def free_slot(self) -> str:
        """The one that nothing that is confirmed is in."""
        confirmed = self.read().confirmed
        return "b" if confirmed is not None and confirmed.slot == "a" else "a"

    def path(self, slot: str) -> Path:
        """The environment of a slot."""
        return self.folder / "slots" / slot

    def python(self, slot: str) -> Path:
        """Its Python."""
        return self.path(slot) / "bin" / "python"


def _release(fields: dict[str, Any] | None) -> Release | None:
    return None if fields is None else _a_release(fields)


def _a_release(fields: dict[str, Any]) -> Release:
    slot = str(fields["slot"])
    if slot not in ("a", "b"):
        raise ValueError(slot)
    return Release(str(fields["sha256"]), slot, int(fields["number"]), str(fields["version"]))


def _trial(fields: dict[str, Any]) -> Trial:
    return Trial(_a_release(fields["release"]), float(fields["seconds"]), int(fields["boots"]))
