"""Settings of slides: ``[stages.slides]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName


class SlidesModel(LearnerSettings):
    """A model of which slides are positive."""

    kind: Literal["slides"] = "slides"
    strength: Annotated[float, Field(gt=0)] = 1.0
    """Of the regularisation, as the inverse of scikit-learn's ``C``."""
    min_slides: Annotated[int, Field(ge=4)] = 12
    """Fewer labelled slides in the training part are too few to learn from."""
    min_new_slides: Annotated[int, Field(ge=1)] = 8
    """Fewer new ones are nothing new."""
    min_auroc: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Gate, on the slides of the test's patients."""
    tolerance: Annotated[float, Field(ge=0)] = 0.02
    """By how much a challenger's log loss may be above the champion's."""


class SlidesConfig(BaseModel):
    """How slides are cut and scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tile: Annotated[int, Field(ge=64, le=2048)] = 512
    """Pixels of each side of a tile, at full resolution."""
    max_background: Share = 0.5
    """Tiles with a larger share of background are not scored."""
    scorer: str = "nuclei"
    """Of those under the entry points ``lineal.tile_scorers``."""
    model: ModelName = "slides"
    """The model in use under this name scores slides; without one, the mean of their tiles does."""
    tiles_per_part: Annotated[int, Field(ge=1, le=4096)] = 256
    """So many tiles are one piece of work; what a killed worker has begun is done again."""
    max_tiles: Annotated[int, Field(ge=1)] = 1_000_000
    """A slide that is cut into more is rejected."""
    seconds: Annotated[float, Field(gt=0)] = 600
    """Limit for one part, for the plan, and for the joining of a slide."""


def model_names(config: SlidesConfig) -> list[str]:
    """The model the stages may use."""
    return [config.model]
