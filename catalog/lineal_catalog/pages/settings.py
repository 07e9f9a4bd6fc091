"""Settings of page images."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PageSettings(BaseModel):
    """How large page images may be, and how many are kept."""

    model_config = ConfigDict(extra="forbid")

    cache_mb: Annotated[int, Field(ge=1)] = 512
    """What all kept images may take; those not used for longest are deleted first."""
    max_width: Annotated[int, Field(ge=64, le=8000)] = 4000
    """Widest image that can be asked for, in pixels."""
