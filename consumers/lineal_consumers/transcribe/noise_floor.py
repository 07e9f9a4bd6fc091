"""How loud it is on a channel when nobody speaks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class NoiseFloor(BaseModel):
    """The level of the noise, in dB below the loudest possible."""

    model_config = ConfigDict(frozen=True)

    level_db: float = -50.0
