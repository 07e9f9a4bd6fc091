"""Settings of packages: ``[stages.packages]``, and the folder of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lineal_consumers.packages.definition import PackageDefinition, read_packages

FOLDER = Path("packages")


class PackageFileSettings(BaseModel):
    """Where packages are declared: ``[packages]``."""

    model_config = ConfigDict(extra="forbid")

    folder: Path = FOLDER
    """Folder of files, one for each kind of package (docs/packages.md)."""


class PackagesConfig(BaseModel):
    """Which packages there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: dict[str, PackageDefinition] = {}
    """By name."""


def settings_of_packages(given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of stages that follows from the files of packages. What is set otherwise,
    in ``lineal.toml`` or the environment, wins.

    Args:
        given: what is set otherwise.

    Raises:
        BadPackage: a file cannot be used.
    """
    packages = given.get("packages")
    folder = packages.get("folder") if isinstance(packages, Mapping) else None
    declared = read_packages(Path(folder or FOLDER))
    if not declared:
        return {}
    made = {name: one.model_dump(mode="json") for name, one in declared.items()}
    return {"stages": {"packages": {"packages": made}}}
