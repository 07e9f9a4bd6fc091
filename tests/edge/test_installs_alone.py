"""The agent on a device: no other part of lineal, Python 3.10, and wheels for aarch64."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
EDGE, SCORING, SCHEMAS = ROOT / "edge_firmware", ROOT / "scoring", ROOT / "schemas"
UV = Path(sys.executable).parent / "uv"


def project(folder: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return found


def dependencies(folder: Path) -> list[Requirement]:
    return [Requirement(line) for line in project(folder)["dependencies"]]  # type: ignore[attr-defined]


def of_extras(folder: Path) -> list[Requirement]:
    extras = project(folder).get("optional-dependencies", {})
    return [Requirement(line) for lines in extras.values() for line in lines]  # type: ignore[attr-defined]


def sources() -> list[Path]:
    return [
        *sorted((EDGE / "lineal_edge").rglob("*.py")),
        *sorted((SCORING / "lineal_scoring").rglob("*.py")),
        *sorted((SCHEMAS / "lineal_schemas").rglob("*.py")),
    ]


PYTHONS = ("3.10", "3.13")


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, wheels and complaints of resolving for each Python; both at once, as it is the
    index that takes its time."""
    if not UV.exists():
        pytest.skip("uv is not installed beside this Python")
    asked = tmp_path_factory.mktemp("wheels") / "requirements.in"
    asked.write_text(
        "\n".join(
            str(one)
            for folder in (EDGE, SCORING, SCHEMAS)
            for one in dependencies(folder) + of_extras(folder)
            if not one.name.startswith("lineal")
        )
    )
    environment = {**os.environ, **index_of_pip()}
    running = {
        python: subprocess.Popen(
            [
                UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate",
                "--python-version", python, "--python-platform", "aarch64-manylinux_2_28",
                "--only-binary", ":all:", asked,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for python in PYTHONS
    }  # fmt: skip
    reported = {python: process.communicate() for python, process in running.items()}
    return {python: (running[python].returncode, *reported[python]) for python in PYTHONS}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_an_aarch64_wheel(
    python: str, resolved: dict[str, tuple[int, str, str]]
) -> None:
    code, out, errors = resolved[python]
    if "error sending request" in errors or "dns error" in errors:
        pytest.skip("no package index can be reached")
    assert code == 0, errors
    found = {canonicalize_name(Requirement(line).name) for line in out.splitlines()}
    assert {"numpy", "onnxruntime", "cryptography", "pydantic-core", "paho-mqtt"} <= found
    assert "torch" not in found


def index_of_pip() -> dict[str, str]:
    """uv does not read pip's settings: the index pip asks, where it is another than usual."""
    if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        return {}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        setting = name.rpartition(".")[2]
        if setting in names:
            found[names[setting]] = value.strip("'")
    return found


def test_all_that_a_device_installs_is_for_python_3_10() -> None:
    for folder in (EDGE, SCORING, SCHEMAS):
        assert project(folder)["requires-python"] == ">=3.10"


def test_every_module_is_python_3_10() -> None:
    assert {str(file): why for file in sources() if (why := newer_syntax(file))} == {}


def newer_syntax(file: Path) -> str | None:
    """What in a file Python 3.10 cannot read."""
    try:
        tree = ast.parse(file.read_text(), feature_version=(3, 10))
    except SyntaxError as error:
        return str(error)
    if any(isinstance(node, ast.TryStar) for node in ast.walk(tree)):
        return "except* came with 3.11"
    return None


@pytest.mark.long
def test_the_types_hold_on_python_3_10() -> None:
    """mypy knows which names of the standard library 3.10 does not have."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-version", "3.10",
         EDGE / "lineal_edge", SCORING / "lineal_scoring", SCHEMAS / "lineal_schemas"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # only what tells of a missing name: numpy's stubs are written for a newer Python
    missing = ("[attr-defined]", "[import-not-found]", "[name-defined]", "[syntax]")
    ours = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("edge_", "scoring/", "schemas/"))
    ]
    assert done.returncode in (0, 1), done.stderr
    assert [line for line in ours if line.endswith(missing)] == []


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lineal", "lineal_consumers", "lineal_producers",
                                      "lineal_cli", "orjson", "scipy", "sklearn",
                                      "pandas", "typer", "structlog", "pymodbus", "asyncua",
                                      "google"):
            raise ImportError(f"{name} is not on a device")

sys.meta_path.insert(0, Blocker())
import importlib, pkgutil, lineal_edge
for module in pkgutil.walk_packages(lineal_edge.__path__, "lineal_edge."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted(name for name in sys.modules if name.startswith("lineal_edge")))
"""


def test_every_module_can_be_imported_where_the_rest_of_lineal_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True
    )
    assert {"lineal_edge.agent", "lineal_edge.cli"} <= set(done.stdout.split())


@pytest.mark.parametrize(("folder", "ours"), [(EDGE, "lineal_edge"), (SCORING, "lineal_scoring")])
def test_only_declared_dependencies_are_imported(folder: Path, ours: str) -> None:
    allowed = {canonicalize_name(one.name) for one in dependencies(folder)} | {"pydantic-core"}
    # none of which is imported before it is needed: see above
    allowed |= {canonicalize_name(one.name) for one in of_extras(folder)}
    providers = packages_distributions()
    for file in sorted((folder / ours).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for package in {name.partition(".")[0] for name in names}:
                known = {canonicalize_name(one) for one in providers.get(package, [package])}
                if package not in sys.stdlib_module_names and package != ours:
                    assert known & allowed, f"{file.name} imports {package}"


def test_the_wheel_holds_the_agent_and_its_unit(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=EDGE, check=True, capture_output=True,
    )  # fmt: skip
    [file] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(file).namelist()
    assert "lineal_edge/agent.py" in names
    assert "lineal_edge/systemd/lineal-edge.service" in names
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"lineal_edge"}
    metadata = zipfile.ZipFile(file).read(next(n for n in names if n.endswith("entry_points.txt")))
    assert b"lineal-edge = lineal_edge.cli:main" in metadata
