"""Fills a slot: a virtual environment with the wheels of a release, on top of what is installed.

A wheel is a ZIP that is unpacked as it is (https://packaging.python.org/specifications/binary-
distribution-format/); a device has no pip, since Debian's Python comes without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lineal_edge.update.verification import PackageRejected

_MAX_UNPACKED = 1 << 30
_BASE = "lineal_base.pth"

# not the source itself: the running agent has it
_READ_SETTINGS = """
import pathlib, sys
import lineal_edge.agent
from lineal_edge.settings import read_settings
read_settings(pathlib.Path(sys.argv[1]))
"""


def fill_slot(release: Path, slot: Path, base_path: Sequence[str]) -> None:
    """Make a slot's environment anew; it is on the disk when this returns.

    Args:
        release: a ZIP of wheels.
        base_path: folders in which what no wheel brings is looked for.

    Raises:
        PackageRejected: ``bad_release``: it is no ZIP of wheels, or reaches out of the slot;
            ``no_venv``: this Python cannot make an environment.
        OSError: the disk is full, for one.
    """
    try:
        from venv import EnvBuilder
    except ImportError as error:
        raise PackageRejected("no_venv", f"{error}: install python3-venv") from error
    if slot.exists():
        shutil.rmtree(slot)
    slot.parent.mkdir(parents=True, exist_ok=True)
    EnvBuilder(symlinks=True, with_pip=False).create(slot)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = slot / "lib" / version / "site-packages"
    try:
        with zipfile.ZipFile(release) as wheels:
            names = [name for name in wheels.namelist() if name.endswith(".whl")]
            if not names:
                raise PackageRejected("bad_release", "there is no wheel in it")
            room = _MAX_UNPACKED
            for name in names:
                with wheels.open(name) as file, zipfile.ZipFile(file) as wheel:
                    room -= _unpack(wheel, site, slot, room)
    except zipfile.BadZipFile as error:
        raise PackageRejected("bad_release", f"it is no ZIP of wheels: {error}") from error
    (site / _BASE).write_text("".join(f"{folder}\n" for folder in base_path))
    os.sync()  # thousands of files: one by one takes minutes on an SD card


def _unpack(wheel: zipfile.ZipFile, site: Path, slot: Path, room: int) -> int:
    size = sum(item.file_size for item in wheel.infolist())
    if size > room:
        raise PackageRejected("bad_release", f"more than {_MAX_UNPACKED} bytes unpacked")
    for item in wheel.infolist():
        target = _target(item.filename, site, slot)
        if target is None or item.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with wheel.open(item) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
    return size


def _target(name: str, site: Path, slot: Path) -> Path | None:
    """Where a wheel's file goes; None for scripts and headers, which nobody calls here."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        raise PackageRejected("bad_release", f"{name!r} reaches out of the slot")
    if not parts[0].endswith(".data"):
        return site.joinpath(*parts)
    if len(parts) < 3:
        return None
    where = {"purelib": site, "platlib": site, "data": slot}.get(parts[1])
    return None if where is None else where.joinpath(*parts[2:])


def check_slot(python: Path, settings: Path, version: str, seconds: float) -> None:
    """See whether a slot's agent can be started and takes the device's settings.

    Raises:
        PackageRejected: ``does_not_start``, ``wrong_version``, ``settings_rejected``.
    """
    found = _output([str(python), "-m", "lineal_edge", "--version"], seconds, "does_not_start")
    if found.strip() != version:
        raise PackageRejected("wrong_version", f"it says to be {found.strip()!r}, not {version!r}")
    _output([str(python), "-c", _READ_SETTINGS, str(settings)], seconds, "settings_rejected")


def _output(command: list[str], seconds: float, reason: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PYTHONSAFEPATH"] = "1"
    try:
        done = subprocess.run(
            command, env=environment, timeout=seconds, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PackageRejected(reason, f"no answer within {seconds:.0f} seconds") from error
    if done.returncode != 0:
        raise PackageRejected(reason, done.stderr.strip()[-400:] or f"ended with {done.returncode}")
    return done.stdout
