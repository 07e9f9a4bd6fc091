"""Payloads of sweeps: many settings of a model tried side by side."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import Metrics, ModelName, SettingValue
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

RunState = Literal["finished", "pruned", "failed"]


class SweptSetting(BaseModel):
    """A setting that is varied: over some values, or over a range."""

    model_config = ConfigDict(frozen=True)

    values: tuple[SettingValue, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    """Whole numbers only."""
    log: bool = False
    """Orders of magnitude count alike."""


class SweepEvent(Payload):
    """What all events of a sweep have in common."""

    sweep_id: str
    name: ModelName
    """Of the model."""

    def partition_key(self) -> str:
        return self.name

    def correlation_key(self) -> str:
        return f"sweep:{self.sweep_id}"


class SweepRequested(SweepEvent, type="sweep.requested", version=1):
    """Somebody asks for a sweep."""

    settings: dict[str, SweptSetting]
    method: Literal["grid", "tpe", "random"] = "tpe"
    """``grid``: every combination of the values. ``tpe``: near what did well so far."""
    runs: Annotated[int, Field(ge=1, le=10_000)] = 20
    """At most; a grid has as many as there are combinations."""
    parallel: Annotated[int, Field(ge=1, le=256)] = 2
    seed: int = 0
    begins_iteration: bool = True
    """The model learns again with the best settings; its gates decide whether it is promoted."""
    by: str
    requested_us: Micros


class SweepStopped(SweepEvent, type="sweep.stopped", version=1):
    """Somebody stops a sweep: what runs is finished, nothing is begun."""

    by: str


class SweepStepRequested(SweepEvent, type="sweep.step_requested", version=1):
    """A run is to learn from all folds but one and to be measured on that."""

    run: Annotated[int, Field(ge=0)]
    step: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=1)]
    values: dict[str, SettingValue]
    manifest: ObjectRef

    def partition_key(self) -> str:
        return f"{self.sweep_id}/{self.run}"


class SweepStepFinished(SweepEvent, type="sweep.step_finished", version=1):
    """A run was measured on a fold."""

    run: Annotated[int, Field(ge=0)]
    step: Annotated[int, Field(ge=0)]
    score: float | None
    """The larger the better; None: nothing could be learnt with these settings."""
    metrics: Metrics = {}
    problem: str | None = None


class SweepBest(SweepEvent, type="sweep.best", version=1):
    """A sweep is over."""

    run: Annotated[int, Field(ge=0)]
    values: dict[str, SettingValue]
    score: float
    """The mean over the folds."""
    finished: Annotated[int, Field(ge=0)]
    pruned: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    stopped: bool = False
    begins_iteration: bool = False
    """The model is to learn again with these settings."""
