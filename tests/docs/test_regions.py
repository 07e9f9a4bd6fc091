"""The page on regions is run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "regions.md").read_text()


@pytest.mark.long
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    settings = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "lineal.toml").write_text("\n".join(settings))
    program = tmp_path / "lineal"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lineal_cli.main "$@"\n')
    program.chmod(0o700)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    printed = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        done = subprocess.run(
            ["bash", "-e", "-c", block], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    assert "rome-oslo: 2 events brought" in printed[0]
    assert "link by link:rome-oslo  done" in printed[0]
    assert "from rome  order.placed" in printed[0]
    assert "2 of 2 jobs done" in printed[1]
    assert printed[1].count('"type":"region.job_done"') == 2
    assert "from rome  region.job_requested" in printed[1]


@pytest.mark.long
def test_the_example_does_all_jobs_though_a_region_is_killed(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "lineal_cli.main"]
    done = subprocess.run(
        [*program, "examples", "run", "regions"], cwd=tmp_path, capture_output=True, text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 letters were registered" in done.stdout
    (shown,) = re.findall(r"`lineal (lineage --by .*)`", done.stdout)
    lineage = subprocess.run(
        [*program, *shown.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert lineage.returncode == 0 and "from oslo  document.registered" in lineage.stdout
