"""Scores one message of a device and emits the anomalies that open, change or close."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lineal import Context, Reject
from lineal.artifact_in_use import ArtifactInUse
from lineal_consumers.detect.anomaly_events import to_event
from lineal_consumers.detect.config import DetectConfig
from lineal_consumers.detect.devices import Device, device_of, keep
from lineal_consumers.detect.journal import Journal, Row
from lineal_consumers.detect.loading import model_of
from lineal_schemas.anomalies import AnomalyAnswered, AnomalyEvent
from lineal_schemas.ids import anomaly_id
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings
from lineal_scoring.alarm import Transition
from lineal_scoring.model import ModelError
from lineal_scoring.scorer import Answer

Message = TelemetryReadings | TelemetryGap

_AHEAD_SECONDS = 10.0
"""An answer counts from so many seconds of readings later: by then the device has heard of it."""


async def score_message(
    message: Message, event_id: str, in_use: ArtifactInUse, ctx: Context[DetectConfig]
) -> list[AnomalyEvent]:
    """Score a message with the model in use.

    Raises:
        Reject: the model cannot score these readings.
    """
    journal = Journal(ctx, message.device)
    device = await device_of(message.device, journal, ctx)
    if device is None:
        device = Device.new(in_use, await model_of(in_use, ctx), message.boot_id)
    elif message.boot_id in device.past_boots:
        ctx.annotate(late=message.count)
        keep(message.device, device)
        return []
    events: list[AnomalyEvent] = []
    if device.boot_id != message.boot_id:
        events += _to_events(message, device, device.scorer.interrupt("restart"))
        device.begin_boot(message.boot_id)
    if device.in_use.sha256 != in_use.sha256:
        model = await model_of(in_use, ctx)
        events += _to_events(message, device, device.scorer.interrupt("model_changed"))
        device.change_model(in_use, model)
    if isinstance(message, TelemetryGap):
        row = _skip(message, event_id, device, events)
    else:
        row = _score(message, event_id, device, events, ctx)
    if row is not None:
        await device.write(journal, row)
    elif device.needs_snapshot:
        await device.write(journal, Row(device.next_number, event_id, "snapshot", {}))
    keep(message.device, device)
    return events


async def take_answer(
    answer: AnomalyReviewed, event_id: str, ctx: Context[DetectConfig]
) -> AnomalyAnswered:
    """Have what a person says of an anomaly count from a reading on that neither this stage nor the
    device has scored yet, so that both go on alike. Where the device alone has found it, it begins
    when it hears of it.

    Raises:
        Reject: the model that found it is not fit for use any more.
    """
    journal = Journal(ctx, answer.device)
    device = await device_of(answer.device, journal, ctx)
    at_seq, boot_id = 1, None
    is_normal = answer.verdict == "normal"
    if device is not None and _open_anomaly(device, answer.device) == answer.anomaly_id:
        at_seq, boot_id = device.next_seq + math.ceil(_AHEAD_SECONDS * device.hz), device.boot_id
        first_seq = device.scorer.anomaly.first_seq
        assert first_seq is not None
        device.scorer.answer(Answer(first_seq, is_normal, at_seq))
        device.needs_snapshot = True
        await device.write(journal, Row(device.next_number, event_id, "snapshot", {}))
    if device is not None:
        keep(answer.device, device)
    ctx.annotate(anomaly=answer.anomaly_id, verdict=answer.verdict, at_seq=at_seq)
    return AnomalyAnswered(
        device=answer.device,
        anomaly_id=answer.anomaly_id,
        fault=answer.fault,
        is_normal=is_normal,
        at_seq=at_seq,
        boot_id=boot_id,
        by=answer.by,
    )


def _open_anomaly(device: Device, name: str) -> str | None:
    first_seq = device.scorer.anomaly.first_seq
    if first_seq is None:
        return None
    return anomaly_id(name, device.in_use.sha256, device.boot_id, first_seq)


def _skip(
    gap: TelemetryGap, event_id: str, device: Device, events: list[AnomalyEvent]
) -> Row | None:
    """Start windows again after a gap. Readings and gaps arrive on two topics, without an order
    between them. A gap ahead of the readings is ignored: the readings before it are still to come,
    and those after it will show it.
    """
    if not gap.first_seq <= device.next_seq <= gap.last_seq:
        return None
    device.next_seq = gap.last_seq + 1
    events += _to_events(gap, device, device.scorer.skip_to(device.next_seq))
    return Row(device.next_number, event_id, "gap", {"next": device.next_seq})


def _score(
    readings: TelemetryReadings,
    event_id: str,
    device: Device,
    events: list[AnomalyEvent],
    ctx: Context[DetectConfig],
) -> Row | None:
    if readings.last_seq < device.next_seq:
        ctx.annotate(seen_before=readings.count)
        return None
    values = _columns(readings, device.slot.current.preparation.features)
    if values is None:
        ctx.annotate(unscored=readings.count)
        return None
    first = max(readings.first_seq, device.next_seq)
    values = values[first - readings.first_seq :]
    try:
        windows, transitions = device.scorer.push(values, first)
    except ModelError as error:
        raise Reject("the model in use cannot score these readings") from error
    device.next_seq = readings.last_seq + 1
    if readings.count > 1 and (span := readings.offsets_us[-1] - readings.offsets_us[0]) > 0:
        device.hz = round((readings.count - 1) * 1e6 / span, 3)
    events += _to_events(readings, device, transitions)
    ctx.annotate(windows=len(windows))
    if learning := sum(window.window.learning for window in windows):
        ctx.annotate(learning=learning)
    fields = {"first": first, "hz": device.hz}
    return Row(device.next_number, event_id, "readings", fields, values.tobytes())


def _columns(
    readings: TelemetryReadings, features: Sequence[str]
) -> npt.NDArray[np.float64] | None:
    """Rows × the model's features, NaN for what is missing; None if the device has none of them."""
    values = np.array(readings.values, dtype=np.float64)
    if readings.features == features:
        return values
    places = {name: place for place, name in enumerate(readings.features)}
    if not places.keys() & set(features):
        return None
    columns = np.full((len(values), len(features)), np.nan)
    for column, name in enumerate(features):
        if name in places:
            columns[:, column] = values[:, places[name]]
    return columns


def _to_events(
    message: Message, device: Device, transitions: Sequence[Transition]
) -> list[AnomalyEvent]:
    threshold = device.scorer.model.threshold
    return [
        to_event(item, message, device.boot_id, device.in_use, threshold) for item in transitions
    ]
