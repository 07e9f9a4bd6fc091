"""Settings of ``[stages.diagrams]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Score = Annotated[int, Field(ge=0, le=100)]


class DiagramsConfig(BaseModel):
    """How images are recognised; a change makes earlier results stale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: Path | None = None
    """A TOML file of further services, like ours: ``[[service]]`` with name, aliases and icons
    (PNG files, by paths from its folder). A service of the same name takes the place of ours."""
    icons: bool = True
    """Whether icons are looked for, where an icon set is installed."""
    min_score: Score = 40
    """Of a service that counts."""
    min_services: Annotated[int, Field(ge=1)] = 2
    """So many different ones make a diagram."""
    min_side: Annotated[int, Field(ge=1)] = 120
    """Pixels; smaller images are symbols and buttons, and are not looked at."""
    max_pixels: Annotated[int, Field(ge=1)] = 50_000_000
    """Larger images are refused without being decoded."""
    seconds: Annotated[float, Field(gt=0)] = 120.0
    """For one image."""
