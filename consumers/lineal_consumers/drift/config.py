"""When readings count as drifted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelName


class DriftConfig(BaseModel):
    """Settings of the ``drift`` stage: ``[stages.drift]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelName] = {"*": "turbine"}
    """By device names (``*`` and ``?`` allowed) the model whose training readings they are compared
    with; the first that fits."""
    left_out: tuple[str, ...] = ("yaw",)
    """Features that are not tested. The yaw goes wherever the wind comes from."""
    spacing_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Time between two readings of a sample: about as long as what is measured remembers, since
    the test takes readings for independent."""
    sample: Annotated[int, Field(ge=20)] = 240
    """Readings of a device that are compared, the newest."""
    least_sample: Annotated[int, Field(ge=10)] = 120
    """Until there are so many new ones nothing is tested."""
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.001
    correction: Literal["holm", "bonferroni", "benjamini_hochberg", "none"] = "holm"
    """For the number of features."""
    least_shift: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Of the test's statistic: a change, however significant, that is smaller does not matter."""
    cool_down_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """After a drift of a model none is told for so long, by the devices' clocks."""


def model_names(config: DriftConfig) -> list[str]:
    """All models the stage may compare with, each once."""
    return sorted(set(config.models.values()))
