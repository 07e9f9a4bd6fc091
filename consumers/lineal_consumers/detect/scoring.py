"""Scores one message of a device and emits the anomalies that open, change or close."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lineal import Context
from lineal.artifact_in_use import ArtifactInUse
from lineal_consumers.detect.anomaly_events import to_event
from lineal_consumers.detect.config import DetectConfig
from lineal_consumers.detect.devices import Device, device_of, keep, known_keys
from lineal_consumers.detect.journal import Journal, Row
from lineal_consumers.detect.loading import model_of
from lineal_schemas.anomalies import AnomalyAnswered, AnomalyEvent
from lineal_schemas.ids import anomaly_id
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings
from lineal_scoring.alarm import Transition
from lineal_scoring.scorer import Answer, ScoredWindow, push_all

Message = TelemetryReadings | TelemetryGap

_AHEAD_SECONDS = 10.0
"""An answer counts from so many seconds of readings later: by then the device has heard of it."""


async def score_messages(
    messages: Sequence[Message],
    models: Sequence[ArtifactInUse | None],
    ctx: Context[DetectConfig],
) -> list[list[AnomalyEvent]]:
    """Score what came together, of devices that are each there once: with the very results that
    each message has alone, but one question to the store and few calls of a model.

    Args:
        models: for each message the model in use; None: it is not scored.
    """
    begun: list[_Begun | None] = [None] * len(messages)
    scored = [place for place, model in enumerate(models) if model is not None]
    await ctx.look_up(
        [
            [] if model is None else known_keys(message.device, ctx.config)
            for message, model in zip(messages, models, strict=True)
        ]
    )
    for place in scored:
        in_use, own = models[place], ctx.each[place]
        assert in_use is not None
        try:
            begun[place] = await _begin(messages[place], in_use, own)
        except Exception as error:
            own.fail(error)
    with_values = [(one, one.values) for one in begun if one is not None and one.values is not None]
    pushed = push_all((one.device.scorer, values, one.first) for one, values in with_values)
    for (one, _), result in zip(with_values, pushed, strict=True):
        _take_pushed(one, *result)
    events: list[list[AnomalyEvent]] = [[] for _ in messages]
    for place, ended in enumerate(begun):
        if ended is not None:
            await ended.end()
            events[place] = ended.events
    return events


@dataclass
class _Begun:
    """A message on its way."""

    message: Message
    device: Device
    journal: Journal
    ctx: Context[DetectConfig]
    events: list[AnomalyEvent]
    row: Row | None = None
    """What the message changes of the device; None: nothing."""
    values: npt.NDArray[np.float64] | None = None
    """What is to be scored."""
    first: int = 0
    """Number of the first of these readings."""

    async def end(self) -> None:
        device = self.device
        if self.row is not None:
            await device.write(self.journal, self.row)
        elif device.needs_snapshot:
            row = Row(device.next_number, self.ctx.event.id, "snapshot", {})
            await device.write(self.journal, row)
        keep(self.message.device, device)


async def _begin(
    message: Message, in_use: ArtifactInUse, ctx: Context[DetectConfig]
) -> _Begun | None:
    """Bring a device to where the message is scored; None where it is not.

    Raises:
        Reject: the model in use is not fit for use.
    """
    journal = Journal(ctx, message.device)
    device = await device_of(message.device, journal, ctx)
    if device is None:
        device = Device.new(in_use, await model_of(in_use, ctx), message.boot_id)
    elif message.boot_id in device.past_boots:
        ctx.annotate(late=message.count)
        keep(message.device, device)
        return None
    events: list[AnomalyEvent] = []
    if device.boot_id != message.boot_id:
        events += _to_events(message, device, device.scorer.interrupt("restart"))
        device.begin_boot(message.boot_id)
    if device.in_use.sha256 != in_use.sha256:
        model = await model_of(in_use, ctx)
        events += _to_events(message, device, device.scorer.interrupt("model_changed"))
        device.change_model(in_use, model)
    begun = _Begun(message, device, journal, ctx, events)
    if isinstance(message, TelemetryGap):
        begun.row = _skip(message, ctx.event.id, device, events)
    else:
        _find_values(message, begun)
    return begun


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


def _find_values(readings: TelemetryReadings, begun: _Begun) -> None:
    """What of a batch is to be scored, if anything is."""
    device = begun.device
    if readings.last_seq < device.next_seq:
        begun.ctx.annotate(seen_before=readings.count)
        return
    values = _columns(readings, device.slot.current.preparation.features)
    if values is None:
        begun.ctx.annotate(unscored=readings.count)
        return
    begun.first = max(readings.first_seq, device.next_seq)
    begun.values = values[begun.first - readings.first_seq :]


def _take_pushed(
    begun: _Begun, windows: Sequence[ScoredWindow], transitions: Sequence[Transition]
) -> None:
    """Take in what scoring a batch came to."""
    readings, device, values = begun.message, begun.device, begun.values
    assert isinstance(readings, TelemetryReadings)
    assert values is not None
    device.next_seq = readings.last_seq + 1
    if readings.count > 1 and (span := readings.offsets_us[-1] - readings.offsets_us[0]) > 0:
        device.hz = round((readings.count - 1) * 1e6 / span, 3)
    begun.events += _to_events(readings, device, transitions)
    begun.ctx.annotate(windows=len(windows))
    if learning := sum(window.window.learning for window in windows):
        begun.ctx.annotate(learning=learning)
    fields = {"first": begun.first, "hz": device.hz}
    begun.row = Row(device.next_number, begun.ctx.event.id, "readings", fields, values.tobytes())


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
