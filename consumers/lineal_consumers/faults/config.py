"""Settings of the ``faults`` stage: how alike an anomaly must be to be called by a fault's name."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal_scoring.fault_kinds import MIN_LEAD, MIN_LIKENESS


class FaultsConfig(BaseModel):
    """Settings of the ``faults`` stage: ``[stages.faults]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_likeness: Annotated[float, Field(gt=0, le=1)] = MIN_LIKENESS
    """To the most similar example, 1 being the same shares of the same features."""
    min_lead: Annotated[float, Field(ge=0, lt=1)] = MIN_LEAD
    """By how much it must be more alike than the most similar example of any other fault."""
    examples: Annotated[int, Field(ge=1, le=1000)] = 64
    """Anomalies that are remembered of each device, the newest."""
