"""The stage that reports drift."""

from __future__ import annotations

from lineal import Context, stage
from lineal_consumers.drift.config import DriftConfig, model_names
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import ModelTrained
from lineal_schemas.telemetry import TelemetryCollected


@stage(
    "drift",
    version="1",
    produces=DriftDetected,
    in_use=model_names,
    memo=False,
)
async def drift(block: TelemetryCollected, ctx: Context[DriftConfig]) -> DriftDetected | None:
    """Keep a bounded sample of each device's newest readings and compare it with the training
    sample of the model in use. A drift of a model is reported once."""
    # NumPy is imported where it is first needed.
    from lineal_consumers.drift.watching import watch

    return await watch(block, ctx)


@drift.on
async def trained(model: ModelTrained, ctx: Context[DriftConfig]) -> None:
    """Remember where the training sample of a model is."""
    from lineal_consumers.drift.watching import remember_reference

    await remember_reference(model, ctx)


@drift.on
async def opened(anomaly: AnomalyOpened, ctx: Context[DriftConfig]) -> None:
    """Leave the readings of an anomaly out: a fault is not a drift."""
    from lineal_consumers.drift.normal_rows import remember_anomaly

    await remember_anomaly(anomaly, ctx)


@drift.on
async def closed(anomaly: AnomalyClosed, ctx: Context[DriftConfig]) -> None:
    """Count readings again from the end of an anomaly on."""
    from lineal_consumers.drift.normal_rows import remember_anomaly

    await remember_anomaly(anomaly, ctx)


@drift.on
async def marked(mark: MachineMarked, ctx: Context[DriftConfig]) -> None:
    """Leave out what people say was a fault, and count what they say was normal."""
    from lineal_consumers.drift.normal_rows import remember_mark

    await remember_mark(mark, ctx)
