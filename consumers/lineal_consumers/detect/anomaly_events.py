"""Makes the events of an anomaly from what a scorer reports."""

from __future__ import annotations

from typing import Any

from lineal.artifact_in_use import ArtifactInUse
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyEvent,
    AnomalyOpened,
    AnomalyUpdated,
    Contribution,
)
from lineal_schemas.ids import anomaly_id
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings
from lineal_scoring.alarm import Closed, Opened, Transition


def to_event(
    item: Transition,
    message: TelemetryReadings | TelemetryGap,
    boot_id: str,
    in_use: ArtifactInUse,
    threshold: float,
) -> AnomalyEvent:
    """The event of a transition that a message caused.

    Args:
        boot_id: the boot the anomaly belongs to; the message may be the first of another.
        in_use: the model that scored.
    """
    fields: dict[str, Any] = {
        "device": message.device,
        "anomaly_id": anomaly_id(message.device, in_use.sha256, boot_id, item.first_seq),
        "detector": "bus",
        "model": ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
        "threshold": threshold,
        "boot_id": boot_id,
        "first_seq": item.first_seq,
        "last_seq": item.last_seq,
        "wall_us": _wall_us(message, boot_id, item.last_seq),
        "windows": item.windows,
    }
    if isinstance(item, Closed):
        return AnomalyClosed(**fields, peak_score=item.peak_score, reason=item.reason)
    fields["contributions"] = tuple(
        Contribution(feature=name, share=min(1.0, share)) for name, share in item.shares
    )
    if isinstance(item, Opened):
        return AnomalyOpened(**fields, score=item.score)
    return AnomalyUpdated(**fields, score=item.score, peak_score=item.peak_score)


def _wall_us(message: TelemetryReadings | TelemetryGap, boot_id: str, seq: int) -> int:
    """The device's clock at a reading, if the message holds it; else at the message's begin."""
    row = seq - message.first_seq
    if (
        isinstance(message, TelemetryReadings)
        and message.boot_id == boot_id
        and 0 <= row < message.count
    ):
        return message.wall_us + message.offsets_us[row]
    return message.wall_us
