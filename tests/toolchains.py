"""Programs of other languages that judge what we publish: got once, kept below ``.cache``.

Through npm and go themselves, which know where this machine gets packages from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable

_SECONDS = 240


def node() -> str:
    """The path of Node.js.

    Raises:
        Unavailable: there is none.
    """
    return _program("node", "install Node.js 20 or newer, with npm")


def npm_packages(manifest: Path) -> Path:
    """The folder, with ``node_modules`` in it, of what a ``package.json`` names.

    Raises:
        Unavailable: there is no npm, or it cannot get the packages.
    """
    npm = _program("npm", "install Node.js 20 or newer, with npm")
    name = f"npm-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"
    with _made_once(name) as folder:
        if folder is not None:
            shutil.copy(manifest, folder / "package.json")
            _run(
                "npm",
                [npm, "install", "--no-package-lock", "--no-audit", "--no-fund",
                 "--ignore-scripts", "--prefix", str(folder)],
            )  # fmt: skip
    return CACHE / name


def go_program(package: str, version: str, name: str) -> Path:
    """A program that Go builds from a package of a module's version.

    Raises:
        Unavailable: there is no Go, or it cannot get or build it.
    """
    go = _program("go", "install Go 1.24 or newer")
    kept = f"go-{name}-{version}"
    with _made_once(kept) as folder:
        if folder is not None:
            environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
            _run("go", [go, "install", f"{package}@{version}"], environment)
            built = folder / package.rpartition("/")[2]
            if not built.exists():  # the last part of the path was a major version
                built = folder / package.split("/")[-2]
            built.rename(folder / "program")
    return CACHE / kept / "program"


def go_source(source: Path) -> Path:
    """The program that a folder of Go source, with its ``go.mod`` and ``go.sum``, is built into.

    Raises:
        Unavailable: there is no Go, or it cannot get what the program is made of.
    """
    go = _program("go", "install Go 1.24 or newer")
    files = [source / name for name in ("go.mod", "go.sum", "main.go")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    name = f"go-{source.name}-{digest[:12]}"
    with _made_once(name) as folder:
        if folder is not None:
            program = str(folder / "program")
            _run("go", [go, "build", "-C", str(source), "-buildvcs=false", "-o", program])
    return CACHE / name / "program"


def go_module(module: str, version: str) -> Path:
    """The files of a Go module, where Go itself keeps them; not to be changed.

    Raises:
        Unavailable: there is no Go, or it cannot get the module.
    """
    go = _program("go", "install Go 1.24 or newer")
    answer = _run("go", [go, "mod", "download", "-json", f"{module}@{version}"])
    return Path(json.loads(answer)["Dir"])


def _program(name: str, remedy: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(name, remedy)
    return found


@contextmanager
def _made_once(name: str) -> Iterator[Path | None]:
    """A new folder to be filled; None if it was filled before. Processes take turns."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (CACHE / name).exists():
            yield None
            return
        unfinished = CACHE / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        yield unfinished
        unfinished.rename(CACHE / name)


def _run(tool: str, command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_SECONDS, cwd=CACHE,
            env=environment,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip().splitlines() or ["it failed"]
        raise Unavailable(tool, f"it could not get {command[-1]}: {said[-1]}") from error
    return done.stdout
