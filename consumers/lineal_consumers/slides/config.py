"""Settings of slides: ``[stages.slides]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal_learning.settings import Share


class SlidesConfig(BaseModel):
    """How slides are cut and scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tile: Annotated[int, Field(ge=64, le=2048)] = 512
    """Pixels of each side of a tile, at full resolution."""
    max_background: Share = 0.5
    """Tiles with a larger share of background are not scored."""
    scorer: str = "nuclei"
    """Of those under the entry points ``lineal.tile_scorers``."""
    tiles_per_part: Annotated[int, Field(ge=1, le=4096)] = 256
    """So many tiles are one piece of work; what a killed worker has begun is done again."""
    max_tiles: Annotated[int, Field(ge=1)] = 1_000_000
    """A slide that is cut into more is rejected."""
    seconds: Annotated[float, Field(gt=0)] = 600
    """Limit for one part, for the plan, and for the joining of a slide."""
