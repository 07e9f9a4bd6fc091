"""The Dockerfile, as far as it can be tried without an engine: what it copies is enough to build
and install lineal, and what it installs is locked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXTRAS = ("documents", "sensors", "models", "kafka", "aws", "postgres", "mqtt")


def copied() -> list[str]:
    """What the image is built from."""
    sources = []
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            sources += line.split()[1:-1]
    return sources


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert set(copied()) == let_in
    for source in copied():
        assert (ROOT / source).exists(), source


def test_all_wheels_are_built_from_what_is_copied_alone(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in copied():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(ROOT / name, target)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", tmp_path / "wheels", "./schemas", "./scoring", "./edge_firmware", "."],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    held = {
        wheel.name.partition("-")[0]: set(zipfile.ZipFile(wheel).namelist())
        for wheel in (tmp_path / "wheels").iterdir()
    }
    assert {"lineal_schemas/asyncapi.json", "lineal_schemas/json/document.indexed.v1.json"} <= held[
        "lineal_schemas"
    ]
    for module in ("lineal_cli/main.py", "lineal_producers/http/events.py",
                   "lineal_consumers/ocr/stage.py"):  # fmt: skip
        assert module in held["lineal"]


def test_all_that_lineal_needs_there_is_locked_by_hash() -> None:
    locked: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements/runtime.txt").read_text()):
        requirement = Requirement(entry.split("\\")[0].split("--hash")[0].strip())
        assert "--hash=sha256:" in entry, requirement.name
        locked[canonicalize_name(requirement.name)] = str(requirement.specifier).lstrip("=")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    for text in wanted:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name not in ("lineal-schemas", "lineal-scoring", "lineal-edge"):
            assert name in locked, f"{name}: run `make lock`"
            assert requirement.specifier.contains(locked[name], prereleases=True), text


def test_it_runs_as_a_user_without_rights() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert user is not None
    assert int(user[1]) >= 10_000
    assert "/opt/build" not in final  # the build's tools stay behind
