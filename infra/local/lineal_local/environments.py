"""Virtual environments of the AWS emulators and of benchmarks' peers: locked by hash, beside .venv.

Each emulator pins a botocore of its own, which would hold back the one that the bus uses.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable

_REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
_COMPLETE = "complete"


def _folder(name: str) -> Path:
    """Another lock file or another Python is another environment."""
    locked = (_REQUIREMENTS / f"{name}.txt").read_bytes()
    digest = hashlib.sha256(locked + sys.version.encode()).hexdigest()[:12]
    return CACHE / f"{name}-{digest}"


def is_set_up(name: str) -> bool:
    return (_folder(name) / _COMPLETE).exists()


def installed_environment(name: str) -> Path:
    """The environment's Python; Unavailable when it was not set up."""
    folder = _folder(name)
    if not is_set_up(name):
        raise Unavailable(name, "its environment is not set up yet: run `make services`")
    return folder / "bin" / "python"


def add_environment(name: str) -> None:
    """Let this process import what an environment has and its own does not; Unavailable when it
    was not set up."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.append(str(installed_environment(name).parents[1] / "lib" / version / "site-packages"))


def set_up_environment(name: str, seconds: float = 300) -> Path:
    """The environment's Python, installing it when it is not there yet.

    By pip and not by uv: pip alone reads all of the machine's own settings (index, certificates).
    """
    folder = _folder(name)
    if is_set_up(name):
        return folder / "bin" / "python"
    for outdated in CACHE.glob(f"{name}-*"):
        shutil.rmtree(outdated, ignore_errors=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", folder],
            check=True, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install",
             "--quiet", "--require-hashes", "-r", _REQUIREMENTS / f"{name}.txt"],
            check=True, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(folder, ignore_errors=True)
        said = str(error.stderr or error).strip().splitlines()
        raise Unavailable(name, f"pip could not install it: {said[-1]}") from error
    (folder / _COMPLETE).touch()
    return folder / "bin" / "python"
