"""Finds installed stages by entry point, those of other packages alike."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from lineal.errors import UnknownStage
from lineal.plugins import SkippedPlugin, accepted_plugins, declared_plugins
from lineal.stages.declaration import Stage
from lineal_schemas.payload import Payload

ENTRY_POINTS = "lineal.stages"


@cache
def _discovered() -> tuple[Mapping[str, Stage], tuple[SkippedPlugin, ...]]:
    stages: dict[str, Stage] = {}

    def problem_of(item: Any) -> str:
        if not isinstance(item, Stage):
            return "it is not a @stage"
        other = stages.setdefault(item.name, item)
        if other is not item:
            return f"another stage is named {item.name!r}: that of {other.function.__module__}"
        return ""

    found = accepted_plugins(ENTRY_POINTS, problem_of)
    return stages, found.skipped


def installed_stages() -> dict[str, Stage]:
    """All stages that can be run here, by name; see :func:`skipped_stages` for the others."""
    return dict(_discovered()[0])


def skipped_stages() -> tuple[SkippedPlugin, ...]:
    """Stages of installed packages that cannot be run here, and why."""
    return _discovered()[1]


def find_stages(names: Collection[str]) -> list[Stage]:
    """Stages by name.

    Raises:
        UnknownStage: one is not installed, or cannot be run here.
    """
    installed = installed_stages()
    missing = [name for name in names if name not in installed]
    if missing:
        reasons = [str(item) for item in skipped_stages() if item.name in missing]
        raise UnknownStage(
            "; ".join(reasons)
            or f"no stage is named {', '.join(missing)}; installed: {', '.join(sorted(installed))}"
        )
    return [installed[name] for name in names]


def with_subject_state(names: Collection[str]) -> set[str]:
    """Those of some stages that are installed and keep values which belong to subjects
    (``subject_state``). Only these stages are imported, not all that are installed."""
    found = set()
    for name in names:
        entries = declared_plugins().select(group=ENTRY_POINTS, name=name)
        for entry in entries:
            with contextlib.suppress(ImportError, AttributeError):  # it cannot be run here
                loaded = entry.load()
                if isinstance(loaded, Stage) and loaded.subject_state:
                    found.add(loaded.name)
    return found


def stages_after(payload: type[Payload]) -> dict[str, Stage]:
    """The installed stages that an event of a type leads to, by name."""
    stages = installed_stages()
    reached: dict[str, Stage] = {}
    types = {payload.type}
    while True:
        more = {
            name: stage
            for name, stage in stages.items()
            if name not in reached and any(item.type in types for item in stage.inputs)
        }
        if not more:
            return {name: stage for name, stage in stages.items() if name in reached}
        reached |= more
        types |= {item.type for stage in more.values() for item in stage.produces}
