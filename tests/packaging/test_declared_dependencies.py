"""Nothing is imported that `make install` does not bring."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {
    "lineal", "lineal_schemas", "lineal_edge", "lineal_producers", "lineal_consumers", "lineal_cli",
    "lineal_scoring", "lineal_catalog", "lineal_learning", "lineal_console", "tests",
}  # fmt: skip
OF_TESTS = {"lineal_local", "benchmarks", "infra"}  # never imported by what runs
RUNTIME = ["lineal", "producers/lineal_producers", "consumers/lineal_consumers",
           "catalog/lineal_catalog", "learning/lineal_learning",
           "cli/lineal_cli", "console/lineal_console"]  # fmt: skip


@cache
def providers_of() -> dict[str, list[str]]:
    """The distributions of each package; an extra that is not installed is taken to be named as
    what it is imported by."""
    return {**packages_distributions(), "pydantic_core": ["pydantic"]}  # one library in two


def declared(*groups: str) -> set[str]:
    """Extras included: that nothing imports them before they are needed is tested elsewhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = list(project["project"]["dependencies"])
    for extra in project["project"].get("optional-dependencies", {}).values():
        lines += extra
    for group in groups:
        lines += project["dependency-groups"][group]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def undeclared(folder: str, allowed: set[str], ours: set[str] = OURS) -> set[str]:
    """The ``file: package`` pairs of imports that no declared distribution provides."""
    found: set[str] = set()
    files = sorted((ROOT / folder).rglob("*.py"))
    beside = {file.stem for file in files}
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            elif isinstance(node, ast.Call) and _name(node.func) == "import_module":
                names = _beginning(node.args[0])
            for package in {name.partition(".")[0] for name in names}:
                providers = {
                    canonicalize_name(name) for name in providers_of().get(package, [package])
                }
                known = package in sys.stdlib_module_names or package in ours
                known = known or package in beside
                if not known and not providers & allowed:
                    found.add(f"{file.relative_to(ROOT)}: {package}")
    return found


def _name(function: ast.expr) -> str:
    """What a function is called by, without the module or object that has it."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _beginning(name: ast.expr) -> list[str]:
    """What a module's name begins with where it is put together at run time, if that is fixed."""
    first = name.values[0] if isinstance(name, ast.JoinedStr) else name
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [first.value]
    return []


@pytest.mark.parametrize("folder", RUNTIME)
def test_what_runs_imports_only_declared_dependencies(folder: str) -> None:
    assert undeclared(folder, declared()) == set()


def test_tests_import_only_declared_dependencies() -> None:
    assert undeclared("tests", declared("dev"), OURS | OF_TESTS) == set()
