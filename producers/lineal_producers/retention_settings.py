"""Settings of retention: ``[retention.days]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """How long documents are kept."""

    model_config = ConfigDict(extra="forbid")

    days: dict[str, Annotated[int, Field(ge=1)]] = {}
    """Days by class, since the document was registered; ``*``: of all other classes."""
