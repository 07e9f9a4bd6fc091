"""Systems to do violence to; none outlives its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.system import System

NewSystem = Callable[..., System]


@pytest.fixture(scope="module")
def new_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewSystem]:
    """Makes systems in folders of their own."""
    made: list[System] = []

    def make(folder: Path | None = None, **given: object) -> System:
        system = System(folder or tmp_path_factory.mktemp("system"), **given)  # type: ignore[arg-type]
        made.append(system)
        return system

    yield make
    for system in made:
        system.kill()


def install_stage(site: Path, source: Path) -> None:
    """Install a module with one stage, of the module's name without ``_stage``, in a folder that
    can be put on the path."""
    name = source.stem.removesuffix("_stage")
    site.mkdir(parents=True, exist_ok=True)
    (site / source.name).write_bytes(source.read_bytes())
    information = site / f"{source.stem}-1.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {source.stem}\nVersion: 1\n"
    )
    (information / "entry_points.txt").write_text(
        f"[lineal.stages]\n{name} = {source.stem}:{name}\n"
    )
