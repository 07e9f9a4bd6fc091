"""Settings of the ``health`` stage."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HealthConfig(BaseModel):
    """``[stages.health]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0)] = 600
    """Limit of encoding a record."""
