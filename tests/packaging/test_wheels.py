"""The wheels hold what an installation needs, without a checkout around them."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path

import orjson
import pytest
from packaging.requirements import Requirement

from lineal_local.wheels import PROJECTS, build_wheels

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "schemas": ["schemas/lineal_schemas"],
    "scoring": ["scoring/lineal_scoring"],
    "edge_firmware": ["edge_firmware/lineal_edge"],
    ".": [
        "lineal", "producers/lineal_producers", "consumers/lineal_consumers",
        "catalog/lineal_catalog", "learning/lineal_learning", "cli/lineal_cli",
        "console/lineal_console",
    ],
}  # fmt: skip

Wheels = Mapping[str, zipfile.ZipFile]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def wheels(folder: Path) -> Wheels:
    """By the folder of the distribution."""
    relative = Path(os.path.relpath(folder))  # as `make dist` names it
    return dict(zip(PROJECTS, map(zipfile.ZipFile, build_wheels(relative)), strict=True))


def in_metadata(wheel: zipfile.ZipFile, name: str) -> str:
    [found] = [item for item in wheel.namelist() if item.endswith(f".dist-info/{name}")]
    return wheel.read(found).decode()


def test_the_schemas_wheel_works_on_its_own(wheels: Wheels, tmp_path: Path) -> None:
    wheel = wheels["schemas"]
    committed = sorted(path.name for path in (ROOT / "schemas" / "json").glob("*.json"))
    packed = sorted(Path(n).name for n in wheel.namelist() if n.startswith("lineal_schemas/json/"))
    assert packed == committed != []

    wheel.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import json, lineal_schemas.export as e\n"
        "print(json.dumps([str(e.committed_folder()), len(e.read_folder(e.committed_folder()))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout) == [str(tmp_path / "lineal_schemas" / "json"), len(committed)]


@pytest.mark.parametrize("project", PROJECTS)
def test_a_wheel_holds_its_packages_and_nothing_else(wheels: Wheels, project: str) -> None:
    folders = {name.partition("/")[0] for name in wheels[project].namelist()}
    expected = {Path(package).name for package in PACKAGES[project]}
    assert {one for one in folders if not one.endswith(".dist-info")} == expected


@pytest.mark.parametrize("project", PROJECTS)
def test_whatever_lies_in_a_package_is_in_the_wheel(wheels: Wheels, project: str) -> None:
    """Templates, what browsers load, messages in other languages, models: code alone is no page."""
    packed = set(wheels[project].namelist())
    for package in PACKAGES[project]:
        around = (ROOT / package).parent
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "."], cwd=ROOT / package, capture_output=True, check=False
        )
        names = [ROOT / package / name for name in tracked.stdout.decode().split("\0") if name]
        if not names:
            pytest.skip("not a clone")
        present = {path.relative_to(around).as_posix() for path in names if path.is_file()}
        assert present - packed == set()


@pytest.mark.parametrize("project", PROJECTS)
def test_no_wheel_brings_tests(wheels: Wheels, project: str) -> None:
    found = [
        name
        for name in wheels[project].namelist()
        if name.endswith(".py")  # what `lineal new` writes tests from is no test
        and ("tests" in Path(name).parts or Path(name).name.startswith(("test_", "conftest")))
    ]
    assert found == []


@pytest.mark.parametrize("project", PROJECTS)
def test_each_entry_point_is_in_one_of_the_wheels(wheels: Wheels, project: str) -> None:
    declared = configparser.ConfigParser(delimiters="=", interpolation=None)
    declared.optionxform = str  # type: ignore[assignment, method-assign]
    declared.read_string(in_metadata(wheels[project], "entry_points.txt")
                         if project != "scoring" else "")  # fmt: skip
    written = tomllib.loads((ROOT / project / "pyproject.toml").read_text())["project"]
    groups = written.get("entry-points", {})
    assert {group: dict(declared[group]) for group in groups} == groups
    packed = {name for wheel in wheels.values() for name in wheel.namelist()}
    for group in declared.sections():
        for target in declared[group].values():
            module = target.partition(":")[0].strip().replace(".", "/")
            assert {f"{module}.py", f"{module}/__init__.py"} & packed, f"[{group}] {target}"


def test_the_wheels_are_all_that_is_on_no_index(wheels: Wheels) -> None:
    """What a distribution of ours needs of ours is built with it."""
    names = set()
    needed = set()
    for wheel in wheels.values():
        metadata = HeaderParser().parsestr(in_metadata(wheel, "METADATA"))
        names.add(metadata["Name"])
        lines = metadata.get_all("Requires-Dist") or []
        needed |= {name for line in lines if (name := Requirement(line).name).startswith("lineal")}
    assert needed <= names


def test_what_was_built_before_is_replaced(folder: Path, wheels: Wheels) -> None:
    assert len(list(folder.glob("*.whl"))) == len(wheels) == len(PROJECTS)
    assert [path.name for path in folder.iterdir() if path.suffix != ".whl"] == []


@pytest.mark.parametrize("project", PROJECTS)
def test_each_wheel_carries_its_licence(wheels: Wheels, project: str) -> None:
    [licence] = [name for name in wheels[project].namelist() if name.endswith("licenses/LICENSE")]
    assert b"Apache License" in wheels[project].read(licence)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_empty_environment_gets_all_of_lineal_from_the_wheels(
    folder: Path, wheels: Wheels, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--find-links", str(folder), "lineal[all]"]
    subprocess.run([python, *install], check=True, cwd=tmp_path)

    lineal = str(tmp_path / "venv" / "bin" / "lineal")
    stages = subprocess.run(
        [lineal, "stages", "--json"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    expected = set(extras["entry-points"]["lineal.stages"])
    assert {stage["name"] for stage in orjson.loads(stages.stdout)} == expected, stages.stderr
    example = subprocess.run(
        [lineal, "examples", "run", "match"], capture_output=True, text=True, cwd=tmp_path,
        check=False,
    )  # fmt: skip
    assert example.returncode == 0, example.stdout + example.stderr
