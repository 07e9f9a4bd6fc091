"""The stage that tells when readings have moved away from what their model was trained on."""

from __future__ import annotations

from lineal.stages import Context, stage
from lineal_consumers.drift.config import DriftConfig, model_names
from lineal_schemas.drift import DriftDetected
from lineal_schemas.envelope import Event
from lineal_schemas.models import ModelTrained
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import TelemetryCollected


@stage(
    "drift",
    version="1",
    consumes=(TelemetryCollected, ModelTrained),
    produces=DriftDetected,
    config=DriftConfig,
    trained=model_names,
    memo=False,
)
async def drift(event: Event[Payload], ctx: Context[DriftConfig]) -> DriftDetected | None:
    """Keep a bounded sample of each device's newest readings and compare it with the training
    sample of the model in use. A drift of a model is told once."""
    # NumPy is imported where it is first needed.
    from lineal_consumers.drift.watching import remember_reference, watch

    if isinstance(event.data, ModelTrained):
        await remember_reference(event.data, ctx)
        return None
    assert isinstance(event.data, TelemetryCollected)
    return await watch(event.data, ctx)
