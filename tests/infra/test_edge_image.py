"""The agent's Dockerfile, as far as it can be tried without an engine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lineal_edge.cli import _parser

ROOT = Path(__file__).resolve().parents[2]
PYTHON = {"python_version": "3.12", "python_full_version": "3.12.0"}
DOCKERFILE = (ROOT / "edge_firmware" / "Dockerfile").read_text()


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = [
        source
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert set(copied) <= let_in
    assert all((ROOT / source).exists() for source in copied)


def test_what_it_installs_has_the_locked_version() -> None:
    [command] = re.findall(r"(sed -n .*?) > ", DOCKERFILE)
    lines = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    pins = [Requirement(line) for line in lines]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(PYTHON)]
    locked = {canonicalize_name(pin.name) for pin in here}
    assert len(locked) == len(here), "two versions of one"
    for folder in ("schemas", "scoring", "edge_firmware"):
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        for requirement in map(Requirement, project["dependencies"]):
            applies = requirement.marker is None or requirement.marker.evaluate(PYTHON)
            if applies and not requirement.name.startswith("lineal"):
                assert canonicalize_name(requirement.name) in locked


def test_it_runs_what_the_agent_knows_as_a_user_without_rights() -> None:
    [words] = re.findall(r"^CMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    chosen = _parser().parse_args([word.strip(' "') for word in words.split(",")])
    assert chosen.settings == Path("/etc/lineal-edge/agent.toml")
    users = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert "0" not in users
    assert 'VOLUME ["/var/lib/lineal-edge"]' in DOCKERFILE
