"""The wheels hold what an installation needs, without a checkout around them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Build = Callable[[str], zipfile.ZipFile]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    def wheel(folder: str) -> zipfile.ZipFile:
        out = tmp_path_factory.mktemp("wheel")
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
            cwd=ROOT / folder,
            check=True,
            capture_output=True,
        )
        [file] = out.glob("*.whl")
        return zipfile.ZipFile(file)

    return wheel


def test_the_schemas_wheel_works_on_its_own(build: Build, tmp_path: Path) -> None:
    wheel = build("schemas")
    folders = {name.partition("/")[0] for name in wheel.namelist()}
    assert {one for one in folders if not one.endswith(".dist-info")} == {"lineal_schemas"}
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


def test_the_lineal_wheel_holds_the_runtime_the_producers_and_the_stages(build: Build) -> None:
    wheel = build(".")
    folders = {name.partition("/")[0] for name in wheel.namelist()}
    assert {one for one in folders if not one.endswith(".dist-info")} == {
        "lineal", "lineal_catalog", "lineal_cli", "lineal_consumers", "lineal_producers",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["schemas", "."])
def test_each_wheel_carries_its_licence(build: Build, folder: str) -> None:
    wheel = build(folder)
    [licence] = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert b"Apache License" in wheel.read(licence)
