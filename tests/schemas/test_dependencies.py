"""The ground floor stands on the standard library and pydantic alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

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


def test_a_subscriber_needs_nothing_but_pydantic() -> None:
    foreign = {path.name: imported(path.read_text()) - ALLOWED for path in PACKAGE.glob("*.py")}
    assert foreign
    assert {name: found for name, found in foreign.items() if found} == {}


def test_reading_events_does_not_load_the_schema_tools() -> None:
    code = (
        "import sys, lineal_schemas.documents, lineal_schemas.envelope;"
        "print([m for m in sys.modules if m in ('lineal_schemas.export', 'ast', 'lineal')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lineal_schemas.export" not in done.stdout
    assert "'lineal'" not in done.stdout
