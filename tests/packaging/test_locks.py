"""What `make install` installs: everything we depend on, by hash, from whichever index one has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ["runtime", "dev", "build"]
EXTRAS = ["documents", "sensors", "models", "kafka", "aws", "postgres", "mqtt"]
"""What ``make install`` takes."""
OURS = {"lineal", "lineal-schemas", "lineal-scoring", "lineal-edge"}


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def locked(name: str) -> dict[str, list[Version]]:
    """The versions a lock file pins, by package; one may be pinned once per Python version."""
    pins: dict[str, list[Version]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", lock_text(name), re.M):
        pins.setdefault(canonicalize_name(package), []).append(Version(version))
    return pins


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())


def wanted(lock: str) -> list[Requirement]:
    main, schemas = project("."), project("schemas")
    groups = main["dependency-groups"]
    extras = main["project"]["optional-dependencies"]
    runtime = [
        *main["project"]["dependencies"], *schemas["project"]["dependencies"],
        *(line for extra in EXTRAS for line in extras[extra]),
    ]  # fmt: skip
    lines = {"runtime": runtime, "dev": [*runtime, *groups["dev"]], "build": groups["build"]}[lock]
    requirements = [Requirement(line) for line in lines]
    return [one for one in requirements if canonicalize_name(one.name) not in OURS]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_dependency_is_locked_within_its_bounds(lock: str) -> None:
    pins = locked(lock)
    missing = [str(one) for one in wanted(lock) if canonicalize_name(one.name) not in pins]
    assert missing == [], "run `make lock`"
    outside = [
        f"{one}: {version}"
        for one in wanted(lock)
        for version in pins[canonicalize_name(one.name)]
        if not one.specifier.contains(version, prereleases=True)
    ]
    assert outside == [], "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_download_from(lock: str) -> None:
    text = lock_text(lock)
    assert "://" not in text
    assert re.findall(r"^\s*-(?!-hash=)\S*", text, re.M) == [], "only --hash options"
    assert " @ " not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_none_is_ours(lock: str) -> None:
    joined = lock_text(lock).replace("\\\n", " ").splitlines()
    lines = [line for line in joined if line and not line.startswith("#")]
    assert len(lines) == sum(len(versions) for versions in locked(lock).values()) > 0
    assert [line for line in lines if not re.search(r"--hash=sha256:[0-9a-f]{64}", line)] == []
    assert OURS & locked(lock).keys() == set()


def test_tests_run_on_the_versions_that_users_get() -> None:
    dev = locked("dev")
    assert {name: dev.get(name) for name in locked("runtime")} == locked("runtime")


def test_all_places_agree_on_their_python() -> None:
    """3.11, but what is installed on devices goes back to 3.10."""
    main = project(".")
    assert main["project"]["requires-python"] == ">=3.11"
    assert main["tool"]["mypy"]["python_version"] == "3.11"
    assert main["tool"]["ruff"]["target-version"] == "py311"
    for folder in ("schemas", "scoring", "edge_firmware"):
        assert project(folder)["project"]["requires-python"] == ">=3.10"
        assert project(folder)["tool"]["ruff"]["target-version"] == "py310"
