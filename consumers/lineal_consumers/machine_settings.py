"""What the files in ``machines/`` mean for the stages: each machine's model, and who uses it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from lineal_scoring.machine import BadMachine, Machine, by_pattern, read_machines

if TYPE_CHECKING:
    from lineal.settings import Settings

FOLDER = Path("machines")


class MachineSettings(BaseModel):
    """Settings of machines: ``[machines]``."""

    model_config = ConfigDict(extra="forbid")

    folder: Path = FOLDER
    """Folder of machine files (docs/your-own-machine.md), one for each kind of machine."""


def known_machines(settings: Settings) -> tuple[Machine, ...]:
    """What the machine files say, for showing it; nothing where one cannot be used any more since
    the service was started."""
    try:
        return read_machines(settings.section(MachineSettings).folder)
    except BadMachine:
        return ()


def settings_of_machines(given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of stages that follows from the machine files. What is set otherwise, in
    ``lineal.toml`` or the environment, wins.

    Args:
        given: what is set otherwise.

    Raises:
        BadMachine: a file cannot be used.
    """
    machines = read_machines(Path(_given(given, "machines", "folder") or FOLDER))
    if not machines:
        return {}
    of_devices = by_pattern(machines)
    models = {pattern: machine.name for pattern, machine in of_devices.items()}
    others = _given(given, "stages", "detect", "models") or {"*": "turbine"}
    seasons = {pattern: machine.season for pattern, machine in of_devices.items()}
    asking = {
        pattern: machine.normal.ask_after / machine.rate_hz
        for pattern, machine in of_devices.items()
    }
    asking_others = _given(given, "stages", "review", "ask_after") or {"*": 900}
    return {
        "stages": {
            "review": {"ask_after": {**asking, **asking_others}},
            "retrain": {"models": {machine.name: model_settings(machine) for machine in machines}},
            "detect": {"models": {**models, **others}},
            "drift": {
                "models": {**models, **others},
                "seasons": seasons,
                "excluded_of": {
                    pattern: _unwatched(machine) for pattern, machine in of_devices.items()
                },
            },
        }
    }


def _unwatched(machine: Machine) -> list[str]:
    """The channels that are not watched for drift."""
    return [name for name, channel in machine.channels.items() if not channel.drift]


def _given(settings: Mapping[str, Any], *path: str) -> Any:
    found: Any = settings
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def model_settings(machine: Machine) -> dict[str, Any]:
    """Those of a machine's model, as ``[stages.retrain.models.NAME]`` has them."""
    windows, normal = machine.windows, machine.normal
    return {
        "kind": "readings",
        "devices": list(machine.devices),
        "features": list(machine.scored),
        "angles": list(machine.angles),
        "length": windows.length,
        "step": windows.step,
        "denoise_span": windows.smoothing,
        "baseline_span": normal.follows_in if normal.baseline == "moving" else None,
        "accept_after": normal.accept_after,
        "shrinkage": 0.3,
        "spread": False,
        "algorithms": ["pca"],
        "false_alarm_rate": normal.false_alarm_rate,
        "margin": normal.margin,
        "false_alarms_a_week": normal.false_alarms_a_week,
        "tail": "chi2",
        "open_after": 1,
        "close_after": 1,
        "min_new_readings": normal.learn_from,
        "automatic_iterations": 3,
        # Of the three disturbances a departure from a level shows one for certain: a shift. A
        # sensor that sticks at its level departs from nothing.
        "min_sensitivity": 0.3,
    }
