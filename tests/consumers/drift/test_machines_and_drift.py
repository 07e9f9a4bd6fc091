"""Several machine files: each device is of one machine, and only its own channels are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.name_patterns import first_match
from lineal_consumers.drift.config import DriftConfig, season_of, watched_features
from lineal_consumers.machine_settings import settings_of_machines
from lineal_scoring.machine import BadMachine, read_machines

LEVEL = '[channels.{name}]\nkind = "level"\ndrift = {drift}\n'


def _write(folder: Path, name: str, devices: str, season: str, **drift: str) -> None:
    channels = "".join(LEVEL.format(name=key, drift=value) for key, value in drift.items())
    text = f'devices = ["{devices}"]\nseason = "{season}"\n{channels}'
    (folder / f"{name}.toml").write_text(text)


def test_what_is_weather_for_one_machine_is_watched_on_another(tmp_path: Path) -> None:
    _write(tmp_path, "a-mill", "mill-*", "daily", wind="false", flow="true")
    _write(tmp_path, "pump", "pump-*", "weekly", wind="true", flow="false", yaw="true")
    _write(tmp_path, "pump-test", "pump-test-*", "none", wind="true")
    settings = settings_of_machines({"machines": {"folder": str(tmp_path)}})["stages"]
    config = DriftConfig(**settings["drift"])
    features = ("wind", "flow", "yaw")
    assert watched_features(config, "mill-1", features) == [1, 2]
    assert watched_features(config, "pump-1", features) == [0, 2]
    assert watched_features(config, "turbine-1", features) == [0, 1]  # of no machine file
    # where a device fits two, the longer pattern holds, also where that has no season
    found = [first_match(config.models, device) for device in ("pump-1", "pump-test-1")]
    assert found == ["pump", "pump-test"]
    assert [season_of(config, device) for device in ("pump-1", "pump-test-1", "mill-1")] == [
        "weekly", None, "daily",
    ]  # fmt: skip


def test_two_files_for_the_same_devices_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "a", "pump-*", "daily", flow="true")
    _write(tmp_path, "b", "pump-*", "daily", flow="true")
    with pytest.raises(BadMachine, match=r"b\.toml:1: devices: 'pump-\*' are those of 'a' already"):
        read_machines(tmp_path)
