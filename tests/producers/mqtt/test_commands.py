"""The commands, as a user has them: what a device said is in the list, whoever runs the bridge."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_catalog.devices.register import registered_devices
from lineal_cli.reading import reading_folder
from lineal_local.mosquitto import Mosquitto
from tests.lineal_process import LinealProcess, run_lineal
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import BOOT, DIGEST, birth, death, gap, readings
from tests.producers.mqtt.system import BridgeProcess


class Daemons:
    """Commands of lineal in one folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._port = port
        self._running: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
        return {**kept, "LINEAL_WORKERS": "1"}

    def start(self, *arguments: str) -> None:
        """A daemon, until it is ready."""
        with (self.folder / "log").open("ab") as log:
            process = LinealProcess[bytes](
                [*arguments, "--json"],
                cwd=self.folder,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline(), (self.folder / "log").read_text()[-2000:]

    def ask(self, *arguments: str) -> Any:
        done = run_lineal(
            [*arguments, "--json"],
            cwd=self.folder,
            env=self.environment(),
            check=True,
        )
        return json.loads(done.stdout)

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(180)


@pytest.fixture
def daemons(broker: Mosquitto, tmp_path: Path) -> Iterator[Daemons]:
    made = Daemons(tmp_path, broker.port)
    yield made
    made.stop()


def test_up_with_a_broker_brings_devices_into_the_list(
    broker: Mosquitto, daemons: Daemons, tmp_path: Path
) -> None:
    daemons.start("up", "--port", "0", "--mqtt", f"mqtt://127.0.0.1:{broker.port}")
    looking = BridgeProcess(tmp_path / "looking", {})
    with DeviceDouble(broker.port) as pump, DeviceDouble(broker.port, "pump-2") as other:
        pump.say(birth(), "status", retain=True)

        def acknowledged() -> bool:
            # `up` is ready before its bridge is connected: a device says it until it is heard
            pump.say(readings(1, 20))
            pump.say(gap(21, 30))
            return any(ack.upto_seq == 30 for ack in pump.acks)

        looking.until(acknowledged)
        other.say(birth(device="pump-2"), "status")
        other.say(death(device="pump-2"), "status")

        def settled() -> bool:
            with reading_folder(tmp_path / "data") as connection:
                found = registered_devices(connection)
            return [d.state for d in found] == ["online", "lost"] and found[0].gaps == 1

        looking.until(settled)
    assert [one["device"] for one in daemons.ask("device", "list")] == ["pump-1", "pump-2"]
    shown = daemons.ask("device", "show", "pump-1")
    assert shown["last_seq"] == 30
    assert shown["boot_id"] == BOOT
    assert shown["agent_version"] == "1.2"
    assert shown["models"] == [{"name": "turbine", "version": 3, "sha256": DIGEST}]
    assert shown["lost_by_reason"] == {"disk_full": 10}
    plain = run_lineal(
        ["device", "show", "pump-2"],
        cwd=tmp_path,
        env=daemons.environment(),
        check=True,
    )
    assert b"lost" in plain.stdout


def test_a_bridge_without_a_broker_says_what_is_missing(tmp_path: Path) -> None:
    done = run_lineal(
        ["bridge"],
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert b"LINEAL_MQTT__URL" in done.stderr


@pytest.mark.parametrize("url", ["http://x", "mqtt://a:b@host"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    done = run_lineal(
        ["bridge", url],
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert b"MQTT" in done.stderr
    assert b"Traceback" not in done.stderr
