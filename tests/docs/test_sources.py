"""The page on sources is followed as it stands."""

from __future__ import annotations

import json
import os
import re
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineal_edge.cli import main
from lineal_edge.settings import read_settings
from lineal_edge.sources import kinds
from lineal_edge.sources.kinds import installed_kinds
from lineal_local.ports import free_port
from tests.edge.sources.modbus_servers import Server
from tests.edge.sources.opcua_server import OpcUaServer

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def settings_of(kind: str) -> str:
    [found] = [text for text in blocks("toml") if f'kind = "{kind}"' in text]
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(
    folder: Path, kind: str, count: int, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    """What ``lineal-edge read`` prints with the page's settings of a kind."""
    (folder / "agent.toml").write_text(settings_of(kind))
    capsys.readouterr()
    assert main(["read", "--settings", "agent.toml", "--readings", str(count)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_kind_is_on_the_page_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(installed_kinds())
    assert {name for name in listed if f"| `{name}` |" not in PAGE} == set()


def test_a_file_that_grows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pump.csv").write_text(
        "Zeit;Druck;flow\n30.11.2026 11:00:00,25;1,5;20\n30.11.2026 11:00:01,25;;21\n",
        encoding="cp1252",
    )
    assert read(folder, "csv", 2, capsys) == [
        {"time": "2026-11-30T10:00:00.250Z", "pressure": 1.5, "flow": 20},
        {"time": "2026-11-30T10:00:01.250Z", "pressure": None, "flow": 21},
    ]
    assert main(["check", "--settings", "agent.toml"]) == 0
    assert capsys.readouterr().out == "pump-1: csv, pressure, flow\n"


def test_files_that_are_dropped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "inbox").mkdir()
    (folder / "inbox" / "a.csv").write_text("pressure,flow\n1,2\n3,4\n")
    settings = settings_of("folder").replace('"inbox"\n', '"inbox"\nquiet_seconds = 0\n')
    (folder / "agent.toml").write_text(settings)
    assert main(["read", "--settings", "agent.toml", "--readings", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["flow"] for line in lines] == [2, 4]
    assert (folder / "inbox" / "a.csv").exists()  # read, not taken


def test_vibration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "recordings").mkdir()
    time = np.arange(40_000) / 20_000
    with wave.open("recordings/a.wav", "wb") as out:
        out.setparams((2, 2, 20_000, 0, "NONE", ""))
        sines = [np.sin(2 * np.pi * hz * time) * 9.81 / 0.00059875 for hz in (2000, 300)]
        out.writeframes(np.stack(sines, 1).round().astype("<i2").tobytes())
    os.utime("recordings/a.wav", (1_000_000, 1_000_000))
    first, second = read(folder, "vibration", 2, capsys)
    assert first["time"] == "1970-01-12T13:46:39.000Z"
    assert second["level"] == pytest.approx(9.81 / 2**0.5, rel=1e-3)
    assert second["bearing"] == pytest.approx(9.81 / 2**0.5, rel=1e-3)
    assert second["shocks"] == pytest.approx(1.5, rel=1e-3)
    assert second["x_peak_1_hz"] == pytest.approx(2000, abs=0.1)


def test_modbus(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "machines").mkdir()
    [machine] = [text for text in blocks("toml") if 'byte_order = "CDAB"' in text]
    (folder / "machines" / "pump.toml").write_text(machine)
    registers = [0] * 102
    registers[3], registers[17] = 215, 0b100
    registers[100:102] = reversed(struct.unpack(">HH", struct.pack(">f", 6.25)))
    server = Server(registers, [False], port=free_port())
    settings = settings_of("modbus").replace("5020", str(server.port))
    (folder / "agent.toml").write_text(settings)
    assert main(["read", "--settings", "agent.toml", "--readings", "1"]) == 0
    server.stop()
    found = json.loads(capsys.readouterr().out)
    del found["time"]
    assert found == {"pressure": 6.25, "temperature": 21.5, "running": 1}


def test_opcua(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = OpcUaServer(free_port())
    server.write("Pressure", 62.5, 0)
    server.write("Flow", 20.5, 0)
    settings = settings_of("opcua").replace("opc.tcp://127.0.0.1:4840", server.url)
    (folder / "agent.toml").write_text(settings)
    assert main(["read", "--settings", "agent.toml", "--readings", "1"]) == 0
    server.stop()
    found = json.loads(capsys.readouterr().out)
    assert (found["pressure"], found["flow"]) == (6.25, 20.5)


@pytest.mark.parametrize("kind", ["mqtt", "sparkplug"])
def test_settings_of_brokers_name_their_channels(
    folder: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agent.toml").write_text(settings_of(kind))
    assert main(["check", "--settings", "agent.toml"]) == 0
    assert capsys.readouterr().out.startswith(f"pump-1: {kind}, pressure, flow")


def test_the_pattern_of_a_serial_line(folder: Path) -> None:
    (folder / "agent.toml").write_text(settings_of("serial"))
    source = kinds.open_source(read_settings(folder / "agent.toml").source, "pump-1")
    assert source.features == ("pressure", "flow")
    assert source._parse(b"P= 1,25 bar  F= 20.5") == (1.25, 20.5)  # type: ignore[union-attr]
    source.close()


def test_a_kind_of_ones_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed as a distribution is: a package, and its entry points beside it."""
    [code] = blocks("python")
    [points] = [text for text in blocks("toml") if "entry-points" in text]
    (folder / "my_package").mkdir()
    (folder / "my_package" / "load.py").write_text(code)
    installed = folder / "my_package-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    text = points.replace('project.entry-points."', "").replace('"]', "]").replace('"', "")
    (installed / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(kinds, "_installed", kinds._installed.__wrapped__)
    assert "load" in installed_kinds()
    (folder / "agent.toml").write_text('device = "pump-1"\n[source]\nkind = "load"\nperiod = 0.001')
    source = kinds.open_source(read_settings(folder / "agent.toml").source, "pump-1")
    reading = next(source.readings())  # type: ignore[union-attr]
    source.close()
    assert len(reading) == 1 and reading[0] >= 0
