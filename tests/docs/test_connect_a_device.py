"""The page on connecting a device is followed as it stands, with a real broker over TLS: from the
authority to the removal."""

from __future__ import annotations

import getpass
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lineal_cli.main import app
from lineal_edge.cli import main as edge
from lineal_local.mosquitto import find_mosquitto
from lineal_local.ports import accepts, free_port
from tests.cli.processes import running
from tests.docs.running_page import DOCS, until
from tests.services.missing import skipped_when_unavailable

PAGE = (DOCS / "connect-a-device.md").read_text().partition("## As services")[0]
HOST = "mqtt.example.com"


class Walk:
    """The page's commands, in the order of the page, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        shown = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
        self._commands = [line.partition(" #")[0].strip() for line in shown.splitlines()]

    def step(self, begin: str) -> list[str]:
        """The next command's words, which begins so."""
        command = self._commands.pop(0)
        assert command.startswith(begin), command
        return shlex.split(command.replace(HOST, f"localhost --port {self.port}"))

    def ours(self, begin: str) -> str:
        """Run the next command, which is ``lineal`` or ``lineal-edge``; its output."""
        program, *arguments = self.step(begin)
        if program == "lineal":
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, f"{done.output} {done.exception}"
            return done.output
        with redirect_stdout(io.StringIO()) as out:
            assert edge(arguments) == 0
        return out.getvalue()

    @contextmanager
    def agent(self) -> Iterator[None]:
        _, *arguments = self.step("lineal-edge run")
        with (
            (self.folder / "agent.log").open("ab") as log,
            subprocess.Popen(
                [sys.executable, "-m", "lineal_edge", *arguments], cwd=self.folder, stderr=log
            ) as process,
        ):
            try:
                yield
            finally:
                process.kill()

    @contextmanager
    def broker(self) -> Iterator[None]:
        words = self.step("mosquitto -c")
        file = self.folder / words[-1]
        # what root starts becomes the user mosquitto, who cannot look into a test's folder
        file.write_text(f"user {getpass.getuser()}\n{file.read_text()}")
        with (
            (self.folder / "broker.log").open("ab") as log,
            subprocess.Popen([find_mosquitto(), *words[1:]], cwd=self.folder, stderr=log) as broker,
        ):
            try:
                until(lambda: accepts(self.port))
                yield
            finally:
                broker.kill()

    def devices(self) -> Any:
        return json.loads(CliRunner().invoke(app, ["device", "list", "--json"]).stdout)


def test_a_device_comes_is_renewed_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with skipped_when_unavailable():
        find_mosquitto()
    walk = Walk(tmp_path)
    request = tmp_path / "data" / "identity" / "device.csr"
    said = walk.ours("lineal device broker")
    (tmp_path / "lineal.toml").write_text(said[said.index("[mqtt]") :])
    names = re.findall(r"^\w+(?= =)", said, re.M)
    assert names == re.findall(r"^\w+(?= =)", PAGE.partition("[mqtt]")[2].partition("```")[0], re.M)
    with walk.broker(), running(tmp_path, *walk.step("lineal up")[1:], "--port", "0") as daemon:
        daemon.line(lambda line: True)
        walk.ours("lineal-edge provision")
        request.rename(tmp_path / "pump-1.csr")
        walk.ours("lineal device provision")
        walk.ours("lineal-edge provision")

        settings = (tmp_path / "agent.toml").read_text()
        [source] = [
            text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[source]" in text
        ]
        before = settings.index("[source]"), settings.index("[broker]")
        settings = f"{settings[: before[0]]}{source}\n{settings[before[1] :]}"
        settings = settings.replace("[broker]", "[broker]\nwill_delay = 0")
        (tmp_path / "agent.toml").write_text(settings)
        rows = [f"2026-11-30T10:00:{second:02}Z,6.{second},20.5" for second in range(40)]
        (tmp_path / "pump.csv").write_text("\n".join(["time,pressure,flow", *rows]) + "\n")
        assert "certificate until 20" in walk.ours("lineal-edge check")
        assert walk.ours("lineal-edge read").count("pressure") == 3

        with walk.agent():
            # a batch of readings of which all are on the bus, and in the list
            until(lambda: any(one["last_seq"] == 40 for one in walk.devices()))
            assert "pump-1\tonline" in walk.ours("lineal device list")
            assert "certificate until 20" in walk.ours("lineal device show")
            walk.step("lineal tail")

            assert "valid" in walk.ours("lineal device certificates")
            walk.ours("lineal-edge provision")
            request.replace(tmp_path / "pump-1.csr")
            walk.ours("lineal device provision")
            walk.ours("lineal-edge provision")
            assert "The broker was told." in walk.ours("lineal device revoke")
            # what it says now is refused
            with (tmp_path / "pump.csv").open("a") as file:
                file.write("2026-11-30T10:01:00Z,6.1,20.5\n")
            until(lambda: "without saying why" in (tmp_path / "agent.log").read_text())
            until(lambda: walk.devices()[0]["state"] == "lost")
            walk.ours("lineal device remove")
            until(lambda: walk.devices() == [])
    assert walk._commands == []


def test_the_messages_that_the_page_explains_are_those_of_the_agent() -> None:
    sources = (DOCS.parent / "edge_firmware" / "lineal_edge").glob("*.py")
    agent = "".join(re.sub(r'"\n\s*f?"', "", file.read_text()) for file in sources)
    table = PAGE.partition("| the log says |")[2]
    rows = [re.findall("`(.*?)`", row.split("|")[1]) for row in table.splitlines() if "`" in row]
    ours = [re.sub(r" \S*(pump-\d|device.crt)", "", text) for row in rows[3:] for text in row]
    assert ours
    for text in ours:
        assert text.partition(",")[0] in agent, text
