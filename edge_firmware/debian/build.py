"""Builds the agent as a Debian package, with everything it needs but Python itself.

    python edge_firmware/debian/build.py --architecture arm64 --out dist

Takes wheels for the architecture and for the Python of the Debian release (3.11: bookworm) from the
package index that pip is set up for, in the versions that are locked; so any machine with pip and
dpkg-deb will do.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[2]
OURS = ("schemas", "scoring", "edge_firmware")
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
_PREFIX = "opt/lineal-edge"

_PROGRAM = """\
#!/bin/sh
# -P: nothing is imported from the folder it is started in
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/../lib" exec python{python} -P -m lineal_edge "$@"
"""

_CONTROL = """\
Package: lineal-edge
Version: {version}
Architecture: {architecture}
Maintainer: lineal maintainers
Depends: python{python}, libgomp1
Recommends: adduser
Section: misc
Priority: optional
Installed-Size: {kilobytes}
Description: device agent of lineal
 Takes readings, keeps them until the bus has them, scores them, and takes new models.
"""

_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    getent passwd lineal-edge >/dev/null || useradd --system --user-group \\
        --home-dir /var/lib/lineal-edge --shell /usr/sbin/nologin lineal-edge
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
fi
"""

_PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now lineal-edge.service || true
fi
"""


def build(architecture: str, out: Path, python: str = "3.11") -> Path:
    """Build the package; returns its file.

    Raises:
        subprocess.CalledProcessError: a wheel is not to be had, or dpkg-deb fails.
    """
    project = tomllib.loads((ROOT / "edge_firmware" / "pyproject.toml").read_text())
    version = project["project"]["version"]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tree = work / "tree"
        _libraries(work, tree / _PREFIX / "lib", architecture, python)
        program = tree / _PREFIX / "bin" / "lineal-edge"
        program.parent.mkdir()
        program.write_text(_PROGRAM.format(python=python))
        program.chmod(0o755)
        units = tree / "lib" / "systemd" / "system"
        units.mkdir(parents=True)
        shutil.copy(ROOT / "edge_firmware" / "systemd" / "lineal-edge.service", units)
        (tree / "usr" / "bin").mkdir(parents=True)
        (tree / "usr" / "bin" / "lineal-edge").symlink_to(f"/{_PREFIX}/bin/lineal-edge")
        notes = tree / "usr" / "share" / "doc" / "lineal-edge"
        notes.mkdir(parents=True)
        shutil.copy(ROOT / "LICENSE", notes / "copyright")
        _control(tree, version, architecture, python)
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"lineal-edge_{version}_{architecture}.deb"
        _run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z6", tree, file)
    return file


def _libraries(work: Path, target: Path, architecture: str, python: str) -> None:
    machine, abi = _MACHINES[architecture], f"cp{python.replace('.', '')}"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "-q")
    wheels = work / "wheels"
    sources = [ROOT / name for name in OURS]
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, *sources)
    locked = (ROOT / "requirements" / "runtime.txt").read_text()
    constraints = work / "constraints.txt"
    pins = re.findall(r"^([A-Za-z0-9._-]+==[^\\\n]+?)\s*\\?$", locked, re.MULTILINE)
    constraints.write_text("\n".join(pins) + "\n")
    platforms = [f"manylinux{kind}_{machine}" for kind in ("2014", "_2_17", "_2_27", "_2_28")]
    platforms += [f"manylinux_2_{minor}_{machine}" for minor in (31, 34)]
    _run(
        *pip, "install", "--target", target, "--only-binary", ":all:", "--no-compile",
        "--implementation", "cp", "--python-version", python, "--abi", abi,
        "--abi", "abi3", "--abi", "none", *(f"--platform={each}" for each in platforms),
        "--constraint", constraints, "--find-links", wheels, *sorted(wheels.glob("*.whl")),
    )  # fmt: skip


def _control(tree: Path, version: str, architecture: str, python: str) -> None:
    size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        _CONTROL.format(
            version=version, architecture=architecture, python=python, kilobytes=size // 1024
        )
    )
    for script, text in (("postinst", _POSTINST), ("prerm", _PRERM)):
        (control / script).write_text(text)
        (control / script).chmod(0o755)


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)


def main() -> None:
    """Build for the architecture that is named."""
    parser = argparse.ArgumentParser(description="Build the agent as a Debian package.")
    parser.add_argument("--architecture", choices=sorted(_MACHINES), default="arm64")
    parser.add_argument("--python", default="3.11", help="of the Debian release")
    parser.add_argument("--out", type=Path, default=Path("dist"))
    chosen = parser.parse_args()
    print(build(chosen.architecture, chosen.out, chosen.python))


if __name__ == "__main__":
    main()
