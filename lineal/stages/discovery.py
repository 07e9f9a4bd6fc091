"""Finding stages: through entry points, so the runtime never imports one by name and anybody's
package can add one."""

from __future__ import annotations

from importlib.metadata import entry_points

from lineal.errors import BrokenStage, UnknownStage
from lineal.stages.declaration import Stage

ENTRY_POINTS = "lineal.stages"
SENSOR_ENTRY_POINTS = "lineal.sensor_stages"
"""Stages of sensors and models: a machine that has neither need not even import them."""


def installed_stages(*, sensors: bool = True) -> dict[str, Stage]:
    """All installed stages by name; without ``sensors`` only those that every machine runs.

    Raises:
        BrokenStage: an entry point does not load, or two stages have the same name.
    """
    stages: dict[str, Stage] = {}
    groups = (ENTRY_POINTS, SENSOR_ENTRY_POINTS) if sensors else (ENTRY_POINTS,)
    for entry in (entry for group in groups for entry in entry_points(group=group)):
        try:
            stage = entry.load()
        except Exception as error:
            raise BrokenStage(f"stage entry point {entry.name} ({entry.value}): {error}") from error
        if not isinstance(stage, Stage):
            raise BrokenStage(f"stage entry point {entry.name} ({entry.value}) is not a @stage")
        known = stages.get(stage.name)
        if known is not None and known is not stage:
            raise BrokenStage(f"two installed stages are named {stage.name!r}")
        stages[stage.name] = stage
    return stages


def find_stages(names: list[str]) -> list[Stage]:
    """Installed stages by name.

    Raises:
        UnknownStage: one is not installed.
    """
    installed = installed_stages()
    missing = [name for name in names if name not in installed]
    if missing:
        raise UnknownStage(
            f"no stage is named {', '.join(missing)}; installed: {', '.join(sorted(installed))}"
        )
    return [installed[name] for name in names]
