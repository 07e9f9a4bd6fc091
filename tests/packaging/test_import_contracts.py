"""The contracts in pyproject.toml really stop an import that points up or sideways."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

MODULES = [
    "lineal/bus/api.py",
    "lineal/stages/context.py",
    "lineal_cli/main.py",
    "lineal_schemas/envelope.py",
    "lineal_schemas/payload.py",
    "lineal_consumers/ocr/stage.py",
    "lineal_consumers/ocr/engine.py",
    "lineal_consumers/nlp/stage.py",
    "lineal_producers/folder.py",
    "lineal_producers/upload.py",
    "lineal_catalog/models.py",
    "lineal_scoring/model.py",
    "lineal_edge/agent.py",
]


def _named(contracts: list[dict[str, Any]]) -> set[str]:
    """The packages of the runtime that contracts name, as files of the small tree."""
    names = {
        name
        for contract in contracts
        for key in ("source_modules", "forbidden_modules")
        for name in contract.get(key, ())
    }
    return {f"{name.replace('.', '/')}/__init__.py" for name in names if name.startswith("lineal.")}


def verdict(folder: Path, importer: str, imports: str) -> subprocess.CompletedProcess[str]:
    """Run the repository's contracts over a small tree of the same shape with one import in it."""
    contracts = (ROOT / "pyproject.toml").read_text().partition("[tool.importlinter]")
    settings = tomllib.loads("".join(contracts[1:]))["tool"]["importlinter"]
    for module in [*MODULES, *_named(settings["contracts"])]:
        path = folder / module
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in [path.parent, *path.parent.parents]:
            if package == folder:
                break
            (package / "__init__.py").touch()
        path.write_text("")
    with (folder / importer).open("a") as file:
        file.write(f"import {imports}\n")
    (folder / "pyproject.toml").write_text("".join(contracts[1:]))
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command"
    return subprocess.run(
        [sys.executable, "-c", f"{code}; lint_imports_command(['--no-cache'])"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )


@pytest.mark.parametrize(
    ("importer", "imports"),
    [
        ("lineal_cli/main.py", "lineal_consumers.ocr.stage"),
        ("lineal_cli/main.py", "lineal_producers.folder"),
        ("lineal_cli/main.py", "lineal.bus.api"),
        ("lineal_consumers/ocr/stage.py", "lineal.stages.context"),
        ("lineal_consumers/ocr/stage.py", "lineal_consumers.ocr.engine"),
        ("lineal_producers/folder.py", "lineal.bus.api"),
        ("lineal_producers/folder.py", "lineal_catalog.models"),
        ("lineal_catalog/models.py", "lineal.bus.api"),
        ("lineal/bus/api.py", "lineal_schemas.envelope"),
        ("lineal_edge/agent.py", "lineal_schemas.envelope"),
        ("lineal_edge/agent.py", "lineal_scoring.model"),
        ("lineal_consumers/ocr/stage.py", "lineal_scoring.model"),
    ],
)
def test_arrows_that_point_down_are_allowed(tmp_path: Path, importer: str, imports: str) -> None:
    done = verdict(tmp_path, importer, imports)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("importer", "imports"),
    [
        ("lineal_schemas/envelope.py", "lineal.bus.api"),
        ("lineal_schemas/envelope.py", "lineal_consumers.ocr.stage"),
        ("lineal/bus/api.py", "lineal_consumers.ocr.stage"),
        ("lineal/stages/context.py", "lineal_producers.folder"),
        ("lineal/bus/api.py", "lineal_cli.main"),
        ("lineal_producers/folder.py", "lineal_cli.main"),
        ("lineal_consumers/ocr/stage.py", "lineal_cli.main"),
        ("lineal_consumers/ocr/engine.py", "lineal_consumers.nlp.stage"),
        ("lineal_consumers/nlp/stage.py", "lineal_producers.folder"),
        ("lineal_producers/folder.py", "lineal_consumers.ocr.stage"),
        ("lineal_edge/agent.py", "lineal.bus.api"),
        ("lineal_edge/agent.py", "lineal_producers.folder"),
        ("lineal_schemas/envelope.py", "lineal_edge.agent"),
        ("lineal/bus/api.py", "lineal_catalog.models"),
        ("lineal_catalog/models.py", "lineal_consumers.ocr.stage"),
        ("lineal_scoring/model.py", "lineal_edge.agent"),
        ("lineal_scoring/model.py", "lineal.bus.api"),
        ("lineal/bus/api.py", "lineal_scoring.model"),
        ("lineal_consumers/ocr/stage.py", "lineal_edge.agent"),
        ("lineal_cli/main.py", "lineal_edge.agent"),
    ],
)
def test_any_other_arrow_breaks_a_contract(tmp_path: Path, importer: str, imports: str) -> None:
    done = verdict(tmp_path, importer, imports)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout, done.stderr
