"""The page that shows how to add a stage is run as it stands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-stage.md").read_text()
LINEAL = [sys.executable, "-m", "lineal_cli.main"]


def block(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [found] = [text for text in blocks if containing in text]
    return found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of the page, as an installer would leave it."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "word_count.py").write_text(block("python", "@stage"))
    entry_points = tomllib.loads(block("toml", "entry-points"))["project"]["entry-points"]
    metadata = folder / "word_count-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: word-count\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in entry_points.items()
        )
    )
    (tmp_path / "lineal.toml").write_text(block("toml", "[stages.count]"))
    return folder


@pytest.fixture
def run_lineal(package: Path, tmp_path: Path) -> Iterator[object]:
    environment = os.environ | {"PYTHONPATH": str(package), "LINEAL_WORKERS": "1"}
    daemons: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> str:
        return subprocess.run(
            [*LINEAL, *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout

    def start(*arguments: str) -> None:
        daemons.append(subprocess.Popen([*LINEAL, *arguments], cwd=tmp_path, env=environment))

    yield run, start
    for daemon in daemons:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def test_the_stage_is_shorter_than_a_screen() -> None:
    assert len(block("python", "@stage").splitlines()) < 60


def test_the_stage_of_the_page_counts_a_document(run_lineal: tuple, tmp_path: Path) -> None:  # type: ignore[type-arg]
    run, start = run_lineal
    (tmp_path / "note.txt").write_text("It is a long way to the sea, and back.\n")
    [document] = json.loads(run("put", "note.txt", "--wait", "--json"))
    assert document["status"] == "indexed"
    start("run", "count")
    line = run("tail", "document.counted", "--from", "beginning", "--limit", "1", "--json")
    # Words of three letters or more, as the configuration of the page says.
    assert json.loads(line)["data"] == {"document_id": document["document_id"], "words": 6}
    records = json.loads(run("lineage", document["document_id"], "--json"))
    [record] = [record for record in records if record.get("stage") == "count"]
    assert record["attributes"] == record["facts"] == {"words": 6}
    assert "text" in [item["role"] for item in record["inputs"]]
