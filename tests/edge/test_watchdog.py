"""What systemd hears from the agent, on a real notification socket."""

from __future__ import annotations

import configparser
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal_edge.agent import Agent
from lineal_edge.settings import Settings
from lineal_edge.watchdog import Watchdog
from tests.edge.sources_for_tests import Counting

UNIT = Path(__file__).parents[2] / "edge_firmware" / "systemd" / "lineal-edge.service"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(10)
        yield server


def watchdog(manager: socket.socket, seconds: float = 0.2) -> Watchdog:
    return Watchdog(
        {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(int(seconds * 1e6))}
    )


def agent(folder: Path, watchdog: Watchdog, source: Counting) -> Agent:
    settings = Settings.model_validate(
        {
            "device": "pump-1",
            "data": folder / "data",
            "broker": {"host": "127.0.0.1", "port": 9},
            "scoring": {"enabled": False},
        }
    )
    return Agent(settings, source=source, watchdog=watchdog)


def test_systemd_hears_of_the_start_of_life_and_of_the_end(
    tmp_path: Path, manager: socket.socket
) -> None:
    reported: list[str] = []

    def listen() -> None:
        while "STOPPING=1" not in reported:
            reported.append(manager.recv(100).decode())

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert agent(tmp_path, watchdog(manager), Counting(rate=50)).run(seconds=1.5) == 0
    listener.join(10)
    assert reported[0] == "READY=1"
    assert reported.count("WATCHDOG=1") >= 2
    assert reported[-1] == "STOPPING=1"


def test_a_manager_that_does_not_listen_holds_up_nothing(manager: socket.socket) -> None:
    silent = watchdog(manager)
    for _ in range(5000):  # more than any socket's queue takes
        silent.alive()


def test_an_agent_whose_part_has_died_ends_so_that_it_is_restarted(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = agent(tmp_path, watchdog(manager), Counting(rate=50))

    # its thread ends at the first reading, as it would by an error of ours
    monkeypatch.setattr(broken.recorder, "_run", lambda: None)
    monkeypatch.setattr(
        broken.recorder, "_thread", threading.Thread(target=broken.recorder._run, daemon=True)
    )
    assert broken.run(seconds=30) == 1


def test_without_systemd_nothing_happens() -> None:
    silent = Watchdog({})
    silent.ready()
    silent.alive()
    assert silent.seconds is None


def test_the_unit_restarts_whatever_happens_and_waits_for_no_network() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert int(service["WatchdogSec"]) > 0
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert "network-online" not in unit["Unit"]["After"]
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["User"] != "root"


def test_systemd_understands_every_line_of_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False
    )
    reported = [line for line in done.stderr.splitlines() if UNIT.name in line]
    # the agent is not installed where a device has it
    assert [line for line in reported if "is not executable" not in line] == []
