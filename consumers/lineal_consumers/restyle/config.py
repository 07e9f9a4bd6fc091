"""Settings of restyling."""

from __future__ import annotations

from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.lineage.record import UsedArtifact
from lineal_schemas.restyling import EngineName


class RestyleConfig(BaseModel):
    """Settings of the stage ``restyle``: ``[stages.restyle]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName = "opencv"
    """Where a request names none."""
    models: dict[EngineName, Path] = {}
    """By engine, the folder of its models."""
    device: Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")] = "cpu"
    """Where models compute. Only on ``cpu`` their process is sandboxed: a driver needs more."""
    memory_mb: Annotated[int, Field(ge=64)] = 4096
    """That all images which are worked on may take together, models included; others wait."""
    max_pixels: Annotated[int, Field(ge=1)] = 50_000_000
    """Of an image."""
    seconds: Annotated[float, Field(gt=0)] = 120
    """Limit for one image without models."""
    model_seconds: Annotated[float, Field(gt=0)] = 1800
    """Limit for one image by an engine with models."""


def model_files(config: RestyleConfig) -> list[UsedArtifact]:
    """The models of the engines, by one digest over all files of a folder."""
    return [
        UsedArtifact(f"restyle/{name}", "local", _digest(folder))
        for name, folder in sorted(config.models.items())
        if folder.is_dir()
    ]


def models_read(config: RestyleConfig) -> tuple[Path, ...]:
    """The folders of the models, and what links in them lead to outside of them, as in the cache of
    the Hugging Face hub: the process of the models reads these."""
    return tuple(path for folder in sorted(config.models.values()) for path in _with_links(folder))


@cache
def _with_links(folder: Path) -> tuple[Path, ...]:
    found = [folder.resolve()]
    for known in found:  # grows
        for path in known.rglob("*"):
            target = path.resolve()
            if path.is_symlink() and not any(map(target.is_relative_to, found)):
                found.append(target)
    return tuple(found)


@cache
def _digest(folder: Path) -> str:
    found = sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as opened:
            digest = file_digest(opened, "sha256").hexdigest()
        found.update(f"{digest}  {file.relative_to(folder)}\n".encode())
    return found.hexdigest()
