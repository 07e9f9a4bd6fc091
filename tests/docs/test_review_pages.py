"""The commands of the pages on review and labels are run as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LINEAL = [sys.executable, "-m", "lineal_cli.main"]
Lineal = Callable[..., str]


def commands(page: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def lineal(tmp_path: Path) -> Iterator[Lineal]:
    environment = os.environ | {"LINEAL_WORKERS": "1"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*LINEAL, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    daemon = subprocess.Popen([*LINEAL, "up", "--port", "0"], cwd=tmp_path, env=environment)
    try:
        until(lambda: (tmp_path / "data" / "lineal.db").is_file())
        yield run
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def until(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen")


def test_the_page_on_review(lineal: Lineal, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("greetings from the coast, the weather is fine")
    item = ""
    for command in commands("review.md"):
        assert command[0] == "lineal"
        arguments = [item if word == "ITEM" else word for word in command[1:]]
        if arguments[:2] == ["review", "list"]:
            waiting = until(lambda: json.loads(lineal("review", "list", "--json")))
            item = waiting[0]["item"]
            assert waiting[0]["name"] == "letter.txt"
        if arguments[0] == "search":
            until(lambda a=arguments: "letter.txt" in lineal(*a))  # type: ignore[misc]
        output = lineal(*arguments)
    assert "letter" not in output  # of one document nothing can be said yet
    assert json.loads(lineal("review", "list", "--json")) == []


@pytest.mark.long
def test_the_page_on_labels(lineal: Lineal, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"greetings from the coast, number {name}")
        lineal("put", name)
    until(lambda: lineal("documents", "--status", "indexed", "--json").count("document_id") == 2)
    outputs = {" ".join(command[1:3]): lineal(*command[1:]) for command in commands("labels.md")}
    exported = lineal("labels", "export", "repair", "--format", "csv").splitlines()
    assert sorted(line.split(",")[1] for line in exported[1:]) == ["invoice", "letter"]
    assert "2 labels" in outputs["labels dashboard"]
    figures = json.loads(lineal("labels", "dashboard", "kinds", "--json"))
    assert figures["workers"][0]["accuracy"] == 1.0
