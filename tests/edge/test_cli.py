"""The command ``lineal-edge``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineal_edge.cli import main
from lineal_scoring.turbine.line import parse_line

COMMAND = [sys.executable, "-m", "lineal_edge"]


def settings(folder: Path, rate: float = 200) -> Path:
    file = folder / "agent.toml"
    file.write_text(
        f'device = "pump-1"\ndata = "{folder}/data"\n'
        f'[source]\nkind = "simulator"\nrate = {rate}\n'
        '[broker]\nhost = "127.0.0.1"\nport = 9\n'
        "[scoring]\nenabled = false\n"
    )
    return file


def status(file: Path) -> dict[str, object]:
    done = subprocess.run(
        [*COMMAND, "status", "--settings", str(file), "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_an_agent_runs_until_it_is_told_to_stop_and_keeps_what_it_took(tmp_path: Path) -> None:
    file = settings(tmp_path)
    assert status(file)["boot_id"] is None
    agent = subprocess.Popen([*COMMAND, "run", "--settings", str(file)])
    end = time.monotonic() + 180
    while not (tmp_path / "data" / "outbox.db").exists() or not status(file)["waiting"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(180) == 0
    stats = status(file)
    assert stats["waiting"] == stats["readings"] != 0
    assert stats["gaps"] == 0


def test_a_power_cut_loses_at_most_what_was_not_committed_and_numbers_begin_anew(
    tmp_path: Path,
) -> None:
    file = settings(tmp_path)
    waiting = 0
    boots = set()
    for _ in range(3):
        agent = subprocess.Popen([*COMMAND, "run", "--settings", str(file)])
        end = time.monotonic() + 180
        while int(str(status(file)["waiting"])) <= waiting:
            assert time.monotonic() < end
            time.sleep(0.05)
        before = int(str(status(file)["waiting"]))
        os.kill(agent.pid, signal.SIGKILL)
        agent.wait()
        after = status(file)
        boots.add(after["boot_id"])
        assert int(str(after["waiting"])) >= before
        waiting = int(str(after["waiting"]))
    assert len(boots) == 3


def test_status_is_told_in_words_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--settings", str(settings(tmp_path))]) == 0
    reported = capsys.readouterr().out
    assert "pump-1" in reported
    assert "never started" in reported


def test_a_simulated_turbine_prints_its_lines() -> None:
    done = subprocess.run(
        [*COMMAND, "simulate", "--hurry", "--readings", "50", "--fault", "stuck_sensor:start=1"],
        check=True, capture_output=True,
    )  # fmt: skip
    lines = [parse_line(line) for line in done.stdout.splitlines()]
    assert len(lines) == 50
    assert len({fields[2] for fields in lines[20:]}) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "reported"),
    [
        (["status", "--settings", "none.toml"], 2, "none.toml"),
        (["run", "--settings", "none.toml"], 2, "none.toml"),
        (["simulate", "--fault", "gremlins"], 1, "there is no fault 'gremlins'"),
        (["provision", "a/b", "--data", "x"], 1, "cannot be the name"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str], code: int, reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    errors = capsys.readouterr().err
    assert reported in errors
    assert "Traceback" not in errors
