"""Each example runs in an empty folder, ends 0, and what its page shows afterwards works."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

long = pytest.mark.long
"""Of those that need more than half a minute of two cores."""
ROOT = Path(__file__).parents[2]
LINEAL = [sys.executable, "-m", "lineal_cli.main"]


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*LINEAL, *arguments], cwd=folder, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def commands_of(page: str) -> list[list[str]]:
    """The commands of a page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        pytest.param("photos", "photos.md", marks=long),
        pytest.param("customers", "tables.md", marks=long),
        pytest.param("health", "health.md", marks=long),
        pytest.param("sweep", "sweeps.md", marks=long),
        pytest.param("transcribe", "transcription.md", marks=long),
        ("articles", "articles.md"),
        pytest.param("serving", "serving.md", marks=long),
        pytest.param("restyle", "restyling.md", marks=long),
        pytest.param("meaning", "meaning.md", marks=long),
        ("match", "match.md"),
        pytest.param("notes", "graph.md", marks=long),
    ],
)
def test_an_example_runs_in_an_empty_folder_and_its_page_is_right(
    tmp_path: Path, name: str, page: str
) -> None:
    commands = commands_of(page)
    assert ["examples", "run", name] in commands
    for arguments in commands:
        said = run(tmp_path, *arguments)
        if arguments[0] == "examples":
            assert "What it showed" in said


def test_examples_are_listed_with_what_they_show(tmp_path: Path) -> None:
    listed = json.loads(run(tmp_path, "examples", "list", "--json"))
    assert all(one["summary"].endswith(".") for one in listed)
    refused = subprocess.run(
        [*LINEAL, "examples", "run", "nothing"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refused.returncode != 0
    assert "photos" in refused.stderr
    assert list(tmp_path.iterdir()) == []
