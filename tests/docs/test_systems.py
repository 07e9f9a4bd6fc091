"""The table of systems in the README, and what a page says of its system."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from lineal.stages.discovery import installed_stages
from lineal_cli.examples.command import EXAMPLES
from tests.docs.test_commands import problem

ROOT = Path(__file__).parents[2]
INTERNAL = {
    "model.training_requested", "package.changed", "package.risk_predicted", "review.requested",
    "review.withdrawn",
}  # fmt: skip
"""Events that a stage has for itself, or that pages of their own are about."""


class System(NamedTuple):
    page: str
    stages: tuple[str, ...]
    example: str
    commands: tuple[str, ...]


def _systems() -> list[System]:
    text = (ROOT / "README.md").read_text()
    section = text.partition("\n## Systems\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("| [")]
    return [
        System(
            re.findall(r"\(docs/([a-z-]+)\.md\)", name)[0],
            tuple(re.findall(r"`([^`]+)`", stages)),
            "".join(re.findall(r"`([^`]+)`", example)),
            tuple(re.findall(r"`lineal ([^`]+)`", started)),
        )
        for name, stages, example, started in rows
    ]


SYSTEMS = _systems()
SHOWN = [system for system in SYSTEMS if system.example]


def test_every_stage_and_every_example_is_of_one_system() -> None:
    ours = {
        name for name, stage in installed_stages().items()
        if stage.function.__module__.startswith("lineal_consumers.")
    }  # fmt: skip
    assert sorted(name for system in SYSTEMS for name in system.stages) == sorted(ours)
    assert sorted(system.example for system in SHOWN) == sorted(one.name for one in EXAMPLES)


@pytest.mark.parametrize("system", SYSTEMS, ids=[system.page for system in SYSTEMS])
def test_what_starts_a_system_is_a_command(system: System) -> None:
    for command in system.commands:
        named = shlex.split(command.partition(" --")[0])
        assert problem(named[:1]) is None and "no command" not in (problem(named) or "")


@pytest.mark.parametrize("system", SHOWN, ids=[system.page for system in SHOWN])
def test_a_systems_page_has_its_events_settings_figures_and_limits(system: System) -> None:
    page = (ROOT / "docs" / f"{system.page}.md").read_text()
    stages = [installed_stages()[name] for name in system.stages]
    outputs = {kind.type for stage in stages for kind in stage.produces}
    settings = {
        field for stage in stages if (stage.section or stage.name) in system.stages
        for field in stage.config.model_fields
    }  # fmt: skip
    everywhere = (ROOT / "docs" / "operating.md").read_text()
    missing = [name for name in sorted(outputs - INTERNAL) if name not in page]
    missing += [
        field
        for field in sorted(settings)
        if field not in page
        and not any(f"{stage}] {field}`" in everywhere for stage in system.stages)
    ]
    missing += [
        what
        for what, pattern in [
            ("lineal examples run", f"lineal examples run {system.example}"),
            ("figures", "make bench|[Ff]igures"),
            ("limits", "^## .*[Ll]imits"),
        ]
        if not re.search(pattern, page, re.MULTILINE)
    ]
    assert missing == []
