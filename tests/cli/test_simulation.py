"""``lineal up --simulate``: real agents over a real broker, at work with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from lineal.settings import Settings
from lineal_cli.simulation import simulated_settings
from lineal_producers.mqtt.local_broker import LocalBroker, NoBroker
from tests.cli.processes import running


def told(kind: str) -> Any:
    return lambda line: line.get("type") == kind


@pytest.fixture
def broker(tmp_path: Path) -> None:
    try:
        LocalBroker(tmp_path / "probe")._command()
    except NoBroker as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("broker")
def test_simulated_turbines_are_connected_and_leave_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--port", "0", "--simulate", "2") as daemon:
        daemon.line(lambda line: "ready" in line)
        begun = daemon.line(told("simulation.begun"))
        assert begun["devices"] == ["turbine-1", "turbine-2"]
        connected = {daemon.line(told("device.birth"))["subject"] for _ in range(2)}
        assert connected == {"device:turbine-1", "device:turbine-2"}
        daemon.line(told("telemetry.readings"))
        children = psutil.Process(daemon.process.pid).children(recursive=True)
        assert daemon.stop() == 0
        psutil.wait_procs(children, timeout=180)
        assert [child for child in children if child.is_running()] == []


def test_models_of_plug_ins_leave_the_turbines_settings_as_they_are() -> None:
    others = {"retrain": {"models": {"fields": {"kind": "fields"}}, "wait_seconds": 9}}
    stages = simulated_settings(Settings(stages=others), Path("key"), 1).stages
    assert stages["retrain"]["models"]["turbine"]["algorithms"] == ["pca"]
    assert "yaw" not in stages["retrain"]["models"]["turbine"]["features"]
    assert stages["retrain"]["models"]["fields"] == {"kind": "fields"}
    assert stages["retrain"]["wait_seconds"] == 9, "what is set by hand stays"
