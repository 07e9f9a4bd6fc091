"""The stage that scores readings and emits anomalies."""

from __future__ import annotations

from lineal import Context, stage
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
)
async def detect(
    message: TelemetryReadings | TelemetryGap, ctx: Context[DetectConfig]
) -> list[AnomalyEvent]:
    """Score a batch with the model in use for its device, going on from the batch before.

    The windows, scores and anomalies are those of the device itself, bit for bit. While there is no
    model, readings are not scored.
    """
    ctx.annotate(boot=message.boot_id[:8], first_seq=message.first_seq, last_seq=message.last_seq)
    name = model_for(ctx.config, message.device)
    in_use = None if name is None else await ctx.artifact(name)
    if in_use is None:
        ctx.annotate(unscored=message.count)
        return []
    # NumPy and onnxruntime are imported where they are first needed.
    from lineal_consumers.detect.scoring import score_message

    return await score_message(message, ctx.event.id, in_use, ctx)


@detect.on
async def answered(answer: AnomalyReviewed, ctx: Context[DetectConfig]) -> AnomalyAnswered:
    """Bring what a person says of an anomaly into what is scored from here on, and onto the
    device: that it is normal now, or a fault however long it lasts."""
    from lineal_consumers.detect.scoring import take_answer

    return await take_answer(answer, ctx.event.id, ctx)
