"""Settings of the stage ``match``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.lineage.record import UsedArtifact
from lineal_catalog.meaning.engines import EngineName, choose_engine


class MatchConfig(BaseModel):
    """Settings of sentence match: ``[stages.match]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName = "auto"
    """As of ``[stages.embed]``."""
    max_p: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Sentences of another polarity are shown as contrary up to this ``p_text``."""
    seconds: Annotated[float, Field(gt=0)] = 300
    """Limit for one text."""


def engine_model(config: MatchConfig) -> Sequence[UsedArtifact]:
    """What the engine works with: another model makes all matches stale."""
    return [choose_engine(config.engine).model]
