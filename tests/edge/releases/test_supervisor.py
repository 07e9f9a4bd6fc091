"""Which release the supervisor runs: real environments, and agents that only say who they are."""

from __future__ import annotations

import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineal_edge.backoff import Backoff
from lineal_edge.releases.slots import INSTALLED, Release, Slots
from lineal_edge.releases.supervisor import MAX_BOOTS, Supervisor
from lineal_edge.releases.wheels import fill_slot
from lineal_edge.update.verification import PackageRejected
from tests.edge.test_agent import wait_until

# In place of the agent: writes down which release it is, and does what its version says.
AGENT = """
import os, pathlib, sys, time
with open(sys.argv[1], "a") as file:
    file.write(os.environ["LINEAL_EDGE_RELEASE"] + "\\n")
{then}
"""
STAYS, CRASHES = "time.sleep(600)", "sys.exit(3)"


def release_of(then: str, name: str = "lineal_edge/__main__.py") -> bytes:
    wheel, release = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("lineal_edge/__init__.py", "")
        file.writestr(name, AGENT.format(then=then))
    with zipfile.ZipFile(release, "w") as file:
        file.writestr("lineal_edge-9-py3-none-any.whl", wheel.getvalue())
    return release.getvalue()


class Device:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slots = Slots(folder / "agent")
        self.said = folder / "said"
        self.said.touch()
        # what is installed comes from elsewhere than the agent of this test
        base = folder / "base" / "lineal_edge"
        base.mkdir(parents=True)
        (base / "__init__.py").touch()
        (base / "__main__.py").write_text(AGENT.format(then=STAYS))

    def fill(self, slot: str, then: str) -> Release:
        file = self.folder / "release.zip"
        file.write_bytes(release_of(then))
        fill_slot(file, self.slots.path(slot), [])
        return Release(f"{slot}" * 64, slot, 1, "9")

    @property
    def started(self) -> list[str]:
        return self.said.read_text().split()

    @contextmanager
    def running(self, monkeypatch: pytest.MonkeyPatch, version: str = "1") -> Iterator[None]:
        monkeypatch.setenv("PYTHONPATH", str(self.folder / "base"))
        supervisor = Supervisor(
            self.slots, [str(self.said)], self.folder / "agent.toml", version, Backoff(0.01, 0.02)
        )
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        try:
            yield
        finally:
            supervisor.request_stop()
            thread.join()


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_one_that_crashes_on_trial_is_rejected_and_the_one_before_runs(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, trial = device.fill("a", STAYS), device.fill("b", CRASHES)
    device.slots.begin_trial(before, 60)
    device.slots.confirm(before.sha256, over="1")
    device.slots.begin_trial(trial, 60)
    with device.running(monkeypatch):
        wait_until(lambda: before.sha256 in device.started)
    assert device.started == [trial.sha256] * MAX_BOOTS + [before.sha256]
    state = device.slots.read()
    assert (state.trial, state.confirmed) == (None, before)
    assert "not confirmed" in state.rejected[trial.sha256]


def test_one_that_hangs_on_trial_is_ended_when_its_time_is_up(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = device.fill("a", STAYS)
    device.slots.begin_trial(trial, 0.5)
    with device.running(monkeypatch):
        wait_until(lambda: INSTALLED in device.started)
    assert device.started == [trial.sha256, INSTALLED]
    assert device.slots.read().rejected == {trial.sha256: "not confirmed in time"}


@pytest.mark.parametrize("fault", ["crashes", "damaged", "another is installed", "unreadable"])
def test_the_installed_one_runs_where_the_confirmed_one_cannot(
    device: Device, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    confirmed = device.fill("a", CRASHES if fault == "crashes" else STAYS)
    device.slots.begin_trial(confirmed, 60)
    device.slots.confirm(confirmed.sha256, over="1")
    if fault == "damaged":
        device.slots.python("a").unlink()
    elif fault == "unreadable":
        (device.slots.folder / "slots.json").write_text("[1]")
    with device.running(monkeypatch, "2" if fault == "another is installed" else "1"):
        wait_until(lambda: INSTALLED in device.started)
    assert device.slots.read().rejected == {}


def test_a_release_cannot_reach_out_of_its_slot(tmp_path: Path) -> None:
    file = tmp_path / "release.zip"
    for name in ("../evil.py", "/tmp/evil.py", "x.data/purelib/../../../evil.py"):
        file.write_bytes(release_of(STAYS, name))
        with pytest.raises(PackageRejected, match="reaches out"):
            fill_slot(file, tmp_path / "slot", [])
    file.write_bytes(b"no zip")
    with pytest.raises(PackageRejected, match="no ZIP"):
        fill_slot(file, tmp_path / "slot", [])


def test_supervisor_and_slots_need_the_standard_library_alone() -> None:
    import subprocess

    code = (
        "import sys, lineal_edge.releases.supervisor; "
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] not in "
        "sys.stdlib_module_names and not name.startswith(('lineal_edge', '_'))))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "edge_firmware")},
    )  # fmt: skip
    assert done.stdout.split() == []
