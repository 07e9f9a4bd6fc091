"""The ground floor stands on the standard library and pydantic alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lineal_schemas

PACKAGE = Path(lineal_schemas.__file__).parent
ALLOWED = {"lineal_schemas", "pydantic", "pydantic_core", *sys.stdlib_module_names}


def imported(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("module", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_subscriber_needs_nothing_but_pydantic(module: Path) -> None:
    assert imported(module.read_text()) - ALLOWED == set()


def test_reading_events_does_not_load_the_schema_tools() -> None:
    code = (
        "import sys, lineal_schemas.documents, lineal_schemas.envelope;"
        "print([m for m in sys.modules if m in ('lineal_schemas.export', 'ast', 'lineal')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lineal_schemas.export" not in done.stdout
    assert "'lineal'" not in done.stdout
