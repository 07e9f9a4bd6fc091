"""Settings of clicks: windows, rules, and what is learnt."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName


class ClicksModel(LearnerSettings):
    """A model of which visits robots made."""

    kind: Literal["clicks"] = "clicks"
    precision: Share = 0.99
    """Of visits that are called robotic, those that are: what the threshold is set to, on visits
    that were held out."""
    calibration_share: Share = 0.3
    rounds: Annotated[int, Field(ge=1)] = 300
    leaves: Annotated[int, Field(ge=2)] = 8
    learning_rate: Share = 0.05
    min_leaf_rows: Annotated[int, Field(ge=1)] = 20
    min_new_visits: Annotated[int, Field(ge=1)] = 200
    """Fewer new ones are nothing new."""
    min_precision: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Gate, on the test visits."""
    min_recall: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Gate: of the robotic test visits, those that are found."""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    """By how much a challenger's recall may be below the champion's."""


class ClicksConfig(BaseModel):
    """Settings of the ``clicks`` stages: ``[stages.clicks]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = "clicks"
    """The model in use under this name scores; while there is none, rules do."""
    max_per_minute: Annotated[float, Field(gt=0)] = 30
    """Rule: more clicks in a minute are robotic."""
    min_variation: Annotated[float, Field(ge=0)] = 0.1
    """Rule: so is a visit whose pauses differ less, as standard deviation over mean."""
    min_clicks: Annotated[int, Field(ge=2)] = 6
    """A visit of fewer clicks has too little to tell by: it is never called robotic."""


def model_names(config: ClicksConfig) -> list[str]:
    """The model the stage may use."""
    return [config.model]
