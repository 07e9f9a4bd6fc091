"""The contracts in pyproject.toml really stop an import that points up or sideways."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

ALLOWED = [
    ("lineal_cli.main", "lineal_consumers.ocr.stage"),
    ("lineal_cli.main", "lineal_producers.folder"),
    ("lineal_cli.main", "lineal.bus.api"),
    ("lineal_console.page", "lineal_producers.http"),
    ("lineal_console.page", "lineal_catalog.documents"),
    ("lineal_consumers.ocr.stage", "lineal.stages.context"),
    ("lineal_consumers.ocr.stage", "lineal_consumers.ocr.engine"),
    ("lineal_producers.folder", "lineal.bus.api"),
    ("lineal_producers.folder", "lineal_catalog.models"),
    ("lineal_catalog.models", "lineal.bus.api"),
    ("lineal.bus.api", "lineal_schemas.envelope"),
    ("lineal_edge.agent", "lineal_schemas.envelope"),
    ("lineal_edge.agent", "lineal_scoring.model"),
    ("lineal_consumers.ocr.stage", "lineal_scoring.model"),
]
FORBIDDEN = [
    ("lineal_schemas.envelope", "lineal.bus.api"),
    ("lineal_schemas.envelope", "lineal_consumers.ocr.stage"),
    ("lineal.bus.api", "lineal_consumers.ocr.stage"),
    ("lineal.stages.context", "lineal_producers.folder"),
    ("lineal.bus.api", "lineal_cli.main"),
    ("lineal_producers.folder", "lineal_cli.main"),
    ("lineal_consumers.ocr.stage", "lineal_cli.main"),
    ("lineal_consumers.ocr.engine", "lineal_consumers.nlp.stage"),
    ("lineal_consumers.nlp.stage", "lineal_producers.folder"),
    ("lineal_producers.folder", "lineal_consumers.ocr.stage"),
    ("lineal_cli.main", "lineal_console.page"),
    ("lineal_console.page", "lineal_cli.main"),
    ("lineal_producers.folder", "lineal_console.page"),
    ("lineal_edge.agent", "lineal.bus.api"),
    ("lineal_edge.agent", "lineal_producers.folder"),
    ("lineal_schemas.envelope", "lineal_edge.agent"),
    ("lineal.bus.api", "lineal_catalog.models"),
    ("lineal_catalog.models", "lineal_consumers.ocr.stage"),
    ("lineal_scoring.model", "lineal_edge.agent"),
    ("lineal_scoring.model", "lineal.bus.api"),
    ("lineal.bus.api", "lineal_scoring.model"),
    ("lineal_consumers.ocr.stage", "lineal_edge.agent"),
    ("lineal_cli.main", "lineal_edge.agent"),
]


def _named(contracts: list[dict[str, Any]]) -> set[str]:
    """The modules that contracts name, but for patterns: a contract fails without them."""
    return {
        name
        for contract in contracts
        for key in ("source_modules", "forbidden_modules")
        for name in contract.get(key, ())
        if "*" not in name
    }


def verdict(folder: Path, arrows: list[tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """Run the repository's contracts over a small tree of the same shape with imports in it."""
    contracts = (ROOT / "pyproject.toml").read_text().partition("[tool.importlinter]")
    settings = tomllib.loads("".join(contracts[1:]))["tool"]["importlinter"]
    for package in {
        *settings["root_packages"],
        "lineal_consumers.nlp",
        *_named(settings["contracts"]),
    }:
        _write(folder, f"{package}.__init__", "")
    for importer, imported in arrows:
        _write(folder, imported, "")
        _write(folder, importer, f"import {imported}\n")
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


def _write(folder: Path, module: str, text: str) -> None:
    path = folder / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    for package in [path.parent, *path.parent.parents]:
        if package == folder:
            break
        (package / "__init__.py").touch()
    with path.open("a") as file:
        file.write(text)


def test_arrows_that_point_down_are_allowed(tmp_path: Path) -> None:
    done = verdict(tmp_path, ALLOWED)
    assert done.returncode == 0, done.stdout + done.stderr


def test_any_other_arrow_breaks_a_contract(tmp_path: Path) -> None:
    # between modules of their own, so that no arrow is found as a part of another's way
    arrows = [
        (f"{importer}{number}", f"{imported}{number}")
        for number, (importer, imported) in enumerate(FORBIDDEN)
    ]
    done = verdict(tmp_path, arrows)
    assert done.returncode == 1, done.stderr
    found = [
        arrow
        for arrow, numbered in zip(FORBIDDEN, arrows, strict=True)
        if " -> ".join(numbered) in done.stdout
    ]
    assert found == FORBIDDEN
