"""The page on the bus in a program of one's own is run as it stands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "library.md").read_text()
FILES = {
    name: source
    for source, name in re.findall(r"```python\n(# (\w+\.py)\n.*?)```", PAGE, re.DOTALL)
}

ASK = """
from fastapi.testclient import TestClient
from shop_web import app

with TestClient(app) as client:
    for key in ("k-1", "k-2", "k-1"):
        name = "x-7" if key == "k-1" else "wrong"
        answer = client.post(f"/orders/{name}", headers={"idempotency-key": key})
        assert (answer.status_code, answer.json()) == (202, {"event": key}), answer.text
    assert client.get("/prices/lamp").json() == {"cents": 400}
"""


class Programs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self.environment = os.environ | {"PYTHONPATH": str(folder), "LINEAL_WORKERS": "1"}

    def start(self, name: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, name], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(program)
        return program

    def run(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment, text=True,
            capture_output=True, check=True, timeout=120,
        ).stdout  # fmt: skip


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    for name, source in FILES.items():
        (tmp_path / name).write_text(source)
    made = Programs(tmp_path)
    yield made
    for program in made.started:
        program.send_signal(signal.SIGKILL)
        program.wait(60)
        assert program.stdout is not None
        program.stdout.close()


def test_the_programs_of_the_page_work_together(programs: Programs) -> None:
    assert set(FILES) == {
        "shop_events.py",
        "shop_web.py",
        "shop_worker.py",
        "shop_stages.py",
        "shop_schedule.py",
    }
    programs.start("shop_stages.py")
    worker = programs.start("shop_worker.py")
    (programs.folder / "ask.py").write_text(ASK)
    programs.run("ask.py")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "shipping x-7 of event k-1\n"
    assert programs.run("shop_schedule.py") == "['prices']\n"
    assert worker.stdout.readline() == "shipping x-later of event k-later\n"
    lineal = "-m", "lineal_cli.main"
    until = monotonic() + 180
    while "no such order" not in (letters := programs.run(*lineal, "dead", "list", "--json")):
        assert monotonic() < until, letters
    shipped = programs.run(
        *lineal, "tail", "order.shipped", "--from", "beginning", "--no-follow", "--json"
    )
    assert [json.loads(line)["data"] for line in shipped.splitlines()] == [
        {"order": "x-7"},
        {"order": "x-later"},
    ]
