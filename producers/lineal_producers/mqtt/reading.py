"""Parses messages of devices, and rejects those that the device may not send."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from lineal_producers.mqtt.rejections import DeviceMismatch, Malformed, NotAllowed, TooLarge
from lineal_producers.mqtt.talk import TalkMessage
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyEvent,
    AnomalyOpened,
    AnomalyUpdated,
    FaultRecognised,
)
from lineal_schemas.conversations import DeviceUtterance
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.ids import anomaly_id, job_id
from lineal_schemas.payload import Payload, UnknownPayload, parse_payload
from lineal_schemas.photos import PhotoCaptured
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceEvent,
    DeviceHealth,
    TelemetryGap,
    TelemetryReadings,
    parse_device_state,
    parse_stream_message,
)

_ANOMALIES = (AnomalyOpened, AnomalyUpdated, AnomalyClosed, FaultRecognised)
_MAY_SEND: dict[str, frozenset[str]] = {
    "events": frozenset(payload.type for payload in (*_ANOMALIES, PhotoCaptured)),
    "jobs/update": frozenset((DeploymentJobUpdated.type,)),
}
"""Event types by topic. A device must not be able to promote a model."""


class WrappedEvent(NamedTuple):
    """An event that is not a reading, without its wrapper."""

    wrapper: DeviceEvent
    payload: Payload


DeviceMessage = (
    TelemetryReadings | TelemetryGap | DeviceBirth | DeviceDeath | DeviceHealth | WrappedEvent
    | TalkMessage
)  # fmt: skip


def read_message(name: str, device: str, payload: bytes, max_bytes: int) -> DeviceMessage:
    """Read a message on the topic ``name`` of a device.

    Raises:
        RejectedMessage: it cannot be taken, and why.
    """
    if len(payload) > max_bytes:
        raise TooLarge(f"{len(payload)} bytes, where {max_bytes} are taken")
    try:
        if name == "talk":
            return TalkMessage(device, DeviceUtterance.model_validate_json(payload))
        message = _parse(name, payload)
    except ValidationError as error:
        raise Malformed(_problems(error)) from error
    speaker = message.wrapper.device if isinstance(message, WrappedEvent) else message.device
    if speaker != device:
        raise DeviceMismatch("a device speaks for another one")
    if isinstance(message, WrappedEvent):
        if getattr(message.payload, "device", None) != device:
            raise DeviceMismatch("a device sends an event of another one")
        _check_ids(device, *message)
    return message


def _check_ids(device: str, wrapper: DeviceEvent, payload: Payload) -> None:
    """Check the ids that an event names itself: they follow from what it is about, so none is
    another device's or of another kind.

    Of a ``fault.recognised`` nothing follows from the event alone: see
    :meth:`lineal_producers.mqtt.ingest.MessageIngest`.

    Raises:
        DeviceMismatch: one is not what it should be.
    """
    if isinstance(payload, AnomalyEvent):
        if payload.boot_id != wrapper.boot_id:
            raise DeviceMismatch("an anomaly in readings of another boot than its own")
        own = anomaly_id(device, payload.model.sha256, payload.boot_id, payload.first_seq)
        if payload.anomaly_id != own:
            raise DeviceMismatch("the id of the anomaly does not follow from its readings")
    if isinstance(payload, DeploymentJobUpdated) and not _is_job_of(device, payload):
        raise DeviceMismatch("the id of the job is none of this device")


def _is_job_of(device: str, update: DeploymentJobUpdated) -> bool:
    return update.job_id == job_id(update.rollout_id, device)


def _parse(
    name: str, payload: bytes
) -> TelemetryReadings | TelemetryGap | DeviceBirth | DeviceDeath | DeviceHealth | WrappedEvent:
    if name == "readings":
        return parse_stream_message(payload)
    if name == "status":
        return parse_device_state(payload)
    if name == "health":
        return DeviceHealth.model_validate_json(payload)
    allowed = _MAY_SEND.get(name)
    if allowed is None:
        raise NotAllowed("nothing is taken on this topic")
    wrapper = DeviceEvent.model_validate_json(payload)
    if wrapper.event_type not in allowed:
        raise NotAllowed("a device does not send events of this type here")
    try:
        inner = parse_payload(wrapper.event_type, wrapper.event_version, to_json(wrapper.data))
    except UnknownPayload as error:
        raise Malformed(f"version {wrapper.event_version} is not known") from error
    if isinstance(inner, _ANOMALIES) and inner.detector != "device":
        raise NotAllowed("a device speaks for the bus")
    return WrappedEvent(wrapper, inner)


def _problems(error: ValidationError) -> str:
    """What is wrong, without what was sent: names of fields are left out where they are data."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{_place(one['loc'])}: {one['type']}" for one in found[:5])


def _place(loc: tuple[int | str, ...]) -> str:
    known = _FIELDS
    return ".".join(str(part) for part in loc if isinstance(part, int) or part in known) or "data"


def _fields(*models: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for model in models for name in model.model_fields)


_FIELDS = _fields(
    TelemetryReadings, TelemetryGap, DeviceBirth, DeviceDeath, DeviceHealth, DeviceEvent,
    DeploymentJobUpdated, DeviceUtterance, PhotoCaptured, *_ANOMALIES,
)  # fmt: skip
