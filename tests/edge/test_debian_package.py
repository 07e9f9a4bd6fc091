"""The agent as a Debian package: built for this machine, installed, started and upgraded."""

from __future__ import annotations

import json
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "edge_firmware" / "debian" / "build.py"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


def newer(package: Path, folder: Path, version: str) -> Path:
    """The same package as of a later version."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    for file, old, new in (
        ("DEBIAN/control", "Version: 0.1.0", f"Version: {version}"),
        ("opt/lineal-edge/lib/lineal_edge/__init__.py", '"0.1.0"', f'"{version}"'),
    ):
        text = (tree / file).read_text()
        assert old in text
        (tree / file).write_text(text.replace(old, new))
    made = folder / f"newer_{version}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", tree, made], check=True)
    return made


class Machine:
    """A folder that dpkg installs into, as into a device's root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder / "root"
        (self._root / "var/lib/dpkg").mkdir(parents=True)
        for name in ("status", "available"):
            (self._root / "var/lib/dpkg" / name).touch()
        self.settings = folder / "agent.toml"
        self.data = folder / "agent"
        self.settings.write_text(
            f'device = "pump-1"\ndata = "{self.data}"\n[source]\nkind = "simulator"\n'
        )

    def install(self, package: Path) -> None:
        subprocess.run(
            ["dpkg", f"--root={self._root}", "--force-depends", "--force-not-root",
             "--force-script-chrootless", "--unpack", package],
            check=True,
        )  # fmt: skip

    @property
    def unit(self) -> str:
        return (self._root / "lib/systemd/system/lineal-edge.service").read_text()

    def command(self, *arguments: str | Path) -> list[str | Path]:
        return [self._root / "opt/lineal-edge/bin/lineal-edge", *arguments]

    def run(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            self.command(*arguments), cwd=self._folder, env=ENVIRONMENT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> Any:
        return json.loads(self.run("status", "--settings", self.settings, "--json"))

    def run_as_the_unit_does(self) -> None:
        """Supervised, until there are readings of this start; then stopped as systemd stops it."""
        before = self.status()["boot_id"] if (self.data / "outbox.db").exists() else None
        log = (self._folder / "log").open("ab")
        process = subprocess.Popen(
            self.command("supervise", "--settings", self.settings),
            cwd=self._folder, env=ENVIRONMENT, stderr=log,
        )  # fmt: skip
        try:
            end = time.monotonic() + 180
            while not (self.data / "outbox.db").exists() or not (
                (status := self.status())["boot_id"] != before and status["readings"]
            ):
                assert time.monotonic() < end, (self._folder / "log").read_text()
                assert process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_package_installs_runs_and_is_upgraded_with_identity_and_outbox(tmp_path: Path) -> None:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    if architecture is None or shutil.which("dpkg-deb") is None:
        pytest.skip("packages are built with dpkg-deb, for amd64 and arm64")
    subprocess.run(
        [sys.executable, BUILD, "--architecture", architecture, "--python", PYTHON,
         "--out", tmp_path],
        check=True,
    )  # fmt: skip
    [package] = tmp_path.glob("*.deb")
    fields = subprocess.run(
        ["dpkg-deb", "--field", package], check=True, capture_output=True, text=True
    ).stdout
    assert f"Architecture: {architecture}" in fields
    assert f"python{PYTHON}" in fields
    machine = Machine(tmp_path)
    machine.install(package)
    assert "lineal-edge supervise" in machine.unit
    assert machine.run("--version").strip() == "0.1.0"
    machine.run("provision", "pump-1", "--data", machine.data)
    key = (machine.data / "identity" / "device.key").read_bytes()
    machine.run_as_the_unit_does()
    waiting = machine.status()["waiting"]
    assert waiting > 0

    machine.install(newer(package, tmp_path, "0.1.1"))
    assert machine.run("--version").strip() == "0.1.1"
    machine.run_as_the_unit_does()
    assert (machine.data / "identity" / "device.key").read_bytes() == key
    assert machine.status()["waiting"] > waiting
