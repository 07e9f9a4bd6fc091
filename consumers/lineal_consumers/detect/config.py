"""Settings of the ``detect`` stage: which model scores which device."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.name_patterns import first_match
from lineal_schemas.models import ModelName


class DetectConfig(BaseModel):
    """Settings of the ``detect`` stage: ``[stages.detect]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelName] = {"*": "turbine"}
    """By device names (``*`` and ``?`` allowed) the model that scores; the first that fits. Devices
    that none fits pass unscored."""
    snapshot_batches: Annotated[int, Field(ge=2, le=64)] = 16
    """After how many batches a snapshot of a device's state is written; batches since are kept as
    they are."""


def model_names(config: DetectConfig) -> list[str]:
    """All models the stage may use, each once."""
    return sorted(set(config.models.values()))


def model_for(config: DetectConfig, device: str) -> str | None:
    """The name of the model that scores a device."""
    return first_match(config.models, device)
