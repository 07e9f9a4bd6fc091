"""The stage that scores readings and emits anomalies."""

from __future__ import annotations

from lineal import Context, stage
from lineal.artifact_in_use import ArtifactInUse
from lineal_consumers.detect.config import DetectConfig, model_for, model_names
from lineal_schemas.anomalies import (
    AnomalyAnswered,
    AnomalyClosed,
    AnomalyEvent,
    AnomalyOpened,
    AnomalyUpdated,
)
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings


@stage(
    "detect",
    version="1",
    produces=(AnomalyOpened, AnomalyUpdated, AnomalyClosed, AnomalyAnswered),
    in_use=model_names,
    memo=False,
    batch=64,
)
async def detect(
    messages: list[TelemetryReadings | TelemetryGap], ctx: Context[DetectConfig]
) -> list[list[AnomalyEvent]]:
    """Score batches with the models in use for their devices, going on from the batch before.

    The windows, scores and anomalies are those of the device itself, bit for bit. While there is no
    model, readings are not scored.
    """
    models: list[ArtifactInUse | None] = []
    for message, own in zip(messages, ctx.each, strict=True):
        own.annotate(
            boot=message.boot_id[:8], first_seq=message.first_seq, last_seq=message.last_seq
        )
        name = model_for(ctx.config, message.device)
        models.append(None if name is None else await own.artifact(name))
        if models[-1] is None:
            own.annotate(unscored=message.count)
    if not any(models):
        return [[] for _ in messages]
    # NumPy and onnxruntime are imported where they are first needed.
    from lineal_consumers.detect.scoring import score_messages

    return await score_messages(messages, models, ctx)


@detect.on
async def answered(answer: AnomalyReviewed, ctx: Context[DetectConfig]) -> AnomalyAnswered:
    """Bring what a person says of an anomaly into what is scored from here on, and onto the
    device: that it is normal now, or a fault however long it lasts."""
    from lineal_consumers.detect.scoring import take_answer

    return await take_answer(answer, ctx.event.id, ctx)
