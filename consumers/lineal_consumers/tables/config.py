"""Settings of tables: what is predicted, when it is learnt again, and what is scored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_learning.settings import LearnerSettings, Share
from lineal_schemas.models import ModelName


class TableModel(LearnerSettings):
    """A model of one target of a table."""

    kind: Literal["table"] = "table"
    target: str
    """One of the targets that the definition declares."""
    task: Literal["classification", "regression"]
    scale: Literal["none", "log"] = "none"
    """``log``: amounts that span orders of magnitude, and are often nothing, are learnt as the
    logarithm of one more, and predicted as what is typical rather than as the mean."""
    rounds: Annotated[int, Field(ge=1)] = 600
    leaves: Annotated[int, Field(ge=2)] = 4
    learning_rate: Share = 0.015
    min_leaf_rows: Annotated[int, Field(ge=1)] = 100
    calibration_share: Share = 0.15
    """Of new rows, what probabilities and amounts are calibrated on."""
    min_new_rows: Annotated[int, Field(ge=1)] = 500
    """Fewer new ones are nothing new."""
    min_rank_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.1
    """Gate of a regression: Spearman's, of prediction and truth."""
    min_auroc: Annotated[float, Field(ge=0, le=1)] = 0.55
    """Gate of a classification."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """By how much a challenger may be worse than the champion."""
    max_single_feature: Annotated[float, Field(ge=0, le=1)] = 0.995
    """A feature that alone orders the truth this well is taken for the answer itself: a leak."""
    max_copies: Annotated[int, Field(ge=0)] = 2
    """More entities to calibrate with that are copies of ones that are learnt from are a leak."""


class TablesConfig(BaseModel):
    """Settings of the ``tables`` stages: ``[stages.tables]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[ModelName, tuple[ModelName, ...]] = {}
    """By table, the models that learn from it and score it."""
    retrain_seconds: Annotated[float, Field(ge=0)] = 86_400
    """An iteration is asked for when rows arrive and the last one is so long ago."""
    max_shift: Annotated[float, Field(gt=0)] = 0.25
    """Or when the population stability index of a feature is larger than this."""
    reasons: Annotated[int, Field(ge=0, le=20)] = 3
    """For each prediction, the features that moved it most."""
    seconds: Annotated[float, Field(gt=0)] = 3600
    """Limit of making features, and of scoring a bucket."""


def model_names(config: TablesConfig) -> list[str]:
    """All models the stages may use, each once."""
    return sorted({name for names in config.models.values() for name in names})
