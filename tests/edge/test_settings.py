"""The settings file: what is written is what holds, and a mistake is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_edge.parts import make_source
from lineal_edge.settings import BadSettings, read_settings
from lineal_edge.sources import kinds
from lineal_edge.sources.kinds import MissingLibrary, SourceKind
from lineal_edge.sources.replay import CsvReplay
from lineal_edge.sources.serial_line import SerialLine
from lineal_edge.sources.settings import SourceSettings
from lineal_edge.sources.simulator import Simulator
from lineal_scoring.machine import BadMachine


def write(folder: Path, text: str) -> Path:
    file = folder / "agent.toml"
    file.write_text(text)
    return file


def test_a_device_id_is_enough(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, 'device = "pump-1"'))
    source = make_source(settings)
    assert isinstance(source, SerialLine)
    assert settings.publishing.in_flight <= 100
    assert settings.outbox.commit_rows == 100
    assert settings.outbox.commit_seconds == 0.25


def test_each_kind_of_source_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_text("a,b\n1,2\n")
    replay = f'device = "p"\n[source]\nkind = "replay"\nfile = "{tmp_path}/run.csv"'
    assert isinstance(make_source(read_settings(write(tmp_path, replay))), CsvReplay)
    simulator = 'device = "p"\n[source]\nkind = "simulator"\nfaults = ["drift:start=5"]'
    source = make_source(read_settings(write(tmp_path, simulator)))
    assert isinstance(source, Simulator)
    assert source.turbine.faults[0].start == 5


def test_simulated_devices_of_different_names_differ(tmp_path: Path) -> None:
    first = []
    for name in ("a", "b", "a"):
        text = f'device = "{name}"\n[source]\nkind = "simulator"'
        source = make_source(read_settings(write(tmp_path, text)))
        assert isinstance(source, Simulator)
        first.append(next(source.readings()))
    assert first[0] == first[2] != first[1]


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("device = ", "is not TOML"),
        ("", "device: Field required"),
        ('device = "a/b"', "device: "),
        ('device = "a"\nbrocker = 1', "brocker: Extra inputs"),
        ('device = "a"\n[outbox]\ncap_byte = 5', "outbox.cap_byte: Extra inputs"),
        ('device = "a"\n[publishing]\nin_flight = 5000', "publishing.in_flight: "),
        ('device = "a"\n[source]\nkind = "magic"', "source: "),
        ('device = "a"\n[update.trusted_keys]\nme = "c2hvcnQ="', "me: an Ed25519 public key"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, reported: str) -> None:
    with pytest.raises(BadSettings) as rejected:
        read_settings(write(tmp_path, text))
    assert reported in str(rejected.value)
    assert "agent.toml" in str(rejected.value)


def test_a_missing_file_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        read_settings(tmp_path / "none.toml")


def test_the_digest_follows_the_settings(tmp_path: Path) -> None:
    one = read_settings(write(tmp_path, 'device = "a"'))
    same = read_settings(write(tmp_path, '# as ever\ndevice = "a"'))
    other = read_settings(write(tmp_path, 'device = "a"\n[outbox]\ncommit_rows = 5'))
    assert one.digest() == same.digest() != other.digest()


@pytest.mark.parametrize(
    ("text", "line", "reported"),
    [
        ('device = "a"\n[source]\nkind = "modbuss"', 2, "there are: "),
        ('device = "a"\n\n[source]\nkind = "csv"\n', 3, "source.file: Field required"),
        ('device = "a"\n[source]\nkind = "csv"\nfile = "x"\npol = 1', 5, "source.pol: Extra"),
        (
            'device = "a"\n[source]\nkind = "csv"\nfile = "x"\n[source.channels.p]\ncolum = "P"',
            6,
            "source.channels.p.colum: Extra",
        ),
        ('device = "a"\n[source]\nkind = "csv"\nfile = "x"\nzone = "Berlin"', 2, "zone 'Berlin'"),
    ],
)
def test_errors_of_a_source_say_the_line(
    tmp_path: Path, text: str, line: int, reported: str
) -> None:
    with pytest.raises(BadSettings, match="agent") as refused:
        read_settings(write(tmp_path, text))
    assert f"agent.toml:{line}: source" in str(refused.value)
    assert reported in str(refused.value)


def test_a_machine_file_that_misdescribes_a_channel_is_named_with_its_line(tmp_path: Path) -> None:
    machine = tmp_path / "pump.toml"
    machine.write_text(
        'devices = ["a"]\n[channels.p]\nunit = "bar"\nsource = { colum = "P" }\n[channels.q]\n'
    )
    text = f'device = "a"\n[source]\nkind = "csv"\nfile = "x"\nmachine = "{machine}"'
    with pytest.raises(BadMachine, match="a source of kind csv has no such setting") as refused:
        make_source(read_settings(write(tmp_path, text)))
    assert "pump.toml:4: channels.p.source.colum" in str(refused.value)


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_(_settings: SourceSettings, _device: str) -> CsvReplay:
        raise ModuleNotFoundError("No module named 'pymodbus'", name="pymodbus")

    kind = SourceKind(SourceSettings, open_, extra="modbus")
    monkeypatch.setattr(kinds, "kind_of", lambda _name: kind)
    with pytest.raises(MissingLibrary, match=r"pip install 'lineal-edge\[modbus\]'"):
        kinds.open_source(SourceSettings(kind="modbus"), "pump-1")
