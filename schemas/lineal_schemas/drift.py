"""Payload of drift: the readings of a model have left the distribution of its training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelEvent, ModelRef
from lineal_schemas.objects import Sha256
from lineal_schemas.payload import upcaster
from lineal_schemas.telemetry import DeviceId, Micros


class FeatureDrift(BaseModel):
    """One feature, then and now."""

    model_config = ConfigDict(frozen=True)

    feature: str
    statistic: float
    """Of the test: for Kolmogorov-Smirnov the largest distance of the two distributions, 0 to 1;
    for the others the shift of the mean in standard deviations."""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    """Corrected for the number of features tested; None where the test yields none."""
    drifted: bool
    reference_mean: float
    mean: float


class DriftDetected(ModelEvent, type="drift.detected", version=2):
    """The readings of one device, or of all of them, have moved away from the training data."""

    model: ModelRef
    device: DeviceId | None = None
    """None where all devices are looked at together."""
    test: Literal["ks", "adwin", "seasonal"]
    """``seasonal``: against the same hours of the device's own days or weeks before."""
    correction: Literal["holm", "bonferroni", "benjamini_hochberg", "none"] = "none"
    significance: Annotated[float, Field(gt=0, lt=1)]
    reference: Sha256
    """Digest of the dataset manifest compared with."""
    samples: Annotated[int, Field(ge=1)]
    """Readings that were compared with it."""
    from_us: Micros
    to_us: Micros
    """Wall clock of the first and the last of them."""
    features: tuple[FeatureDrift, ...]
    """All that were tested."""


@upcaster("drift.detected", from_version=1)
def _without_seasons(data: dict[str, Any]) -> dict[str, Any]:
    return data
