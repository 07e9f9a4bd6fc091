"""Messages as a device sends them."""

from __future__ import annotations

from lineal_producers.mqtt.connection import Received
from lineal_schemas import mqtt_topics
from lineal_schemas.anomalies import AnomalyOpened, Contribution, FaultRecognised
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.ids import anomaly_id, job_id
from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.photos import PhotoCaptured
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceEvent,
    TelemetryGap,
    TelemetryReadings,
)

BOOT = "0" * 31 + "1"
DIGEST = "d" * 64


def readings(
    first: int, last: int, *, device: str = "pump-1", boot: str = BOOT, wall_us: int = 10**15
) -> TelemetryReadings:
    """Reading ``n`` has the value ``n``, 50 ms apart."""
    count = last - first + 1
    return TelemetryReadings(
        device=device,
        boot_id=boot,
        first_seq=first,
        last_seq=last,
        monotonic_us=first * 50_000,
        wall_us=wall_us + first * 50_000,
        features=("n",),
        offsets_us=tuple(50_000 * row for row in range(count)),
        values=tuple((float(number),) for number in range(first, last + 1)),
    )


def gap(first: int, last: int, *, device: str = "pump-1", boot: str = BOOT) -> TelemetryGap:
    return TelemetryGap(
        device=device, boot_id=boot, first_seq=first, last_seq=last, reason="disk_full", wall_us=1
    )


def birth(
    session: int = 1, *, device: str = "pump-1", boot: str = BOOT, monotonic_us: int = 5
) -> DeviceBirth:
    return DeviceBirth(
        device=device,
        boot_id=boot,
        session=session,
        monotonic_us=monotonic_us,
        wall_us=10**15,
        agent_version="1.2",
        agent_digest=DIGEST,
        config_digest="c" * 64,
        models=(ModelRef(name="turbine", version=3, sha256=DIGEST),),
        features=("n",),
    )


def death(session: int = 1, *, device: str = "pump-1", boot: str = BOOT) -> DeviceDeath:
    return DeviceDeath(device=device, boot_id=boot, session=session, reason="lost")


def anomaly(*, device: str = "pump-1", detector: str = "device", boot: str = BOOT) -> AnomalyOpened:
    return AnomalyOpened.model_validate(
        {
            "device": device,
            "anomaly_id": anomaly_id(device, DIGEST, boot, 1),
            "detector": detector,
            "model": ModelRef(name="turbine", version=3, sha256=DIGEST),
            "threshold": 1.0,
            "boot_id": boot,
            "first_seq": 1,
            "last_seq": 100,
            "wall_us": 1,
            "score": 2.0,
            "contributions": (Contribution(feature="n", share=1.0),),
        }
    )


def recognised(opened: AnomalyOpened, *, device: str = "pump-1") -> FaultRecognised:
    return FaultRecognised(
        device=device, anomaly_id=opened.anomaly_id, detector="device", model=opened.model,
        fault="bearing", likeness=0.9, examples=1,
    )  # fmt: skip


def job_update(*, device: str = "pump-1", rollout: str = "r") -> DeploymentJobUpdated:
    return DeploymentJobUpdated(
        rollout_id=rollout, job_id=job_id(rollout, device), device=device, state="IN_PROGRESS",
        expected_version=1, model=ModelRef(name="turbine", version=3, sha256=DIGEST), wall_us=1,
    )  # fmt: skip


def photo(*, device: str = "pump-1") -> PhotoCaptured:
    return PhotoCaptured(
        photo_id=f"{device}.5",
        line="washers",
        device=device,
        captured_us=5,
        image=b"\xff\xd8" * 2000,
    )


def wrapped(
    payload: Payload, event_seq: int = 1, *, device: str = "pump-1", boot: str = BOOT
) -> DeviceEvent:
    return DeviceEvent(
        device=device,
        boot_id=boot,
        event_seq=event_seq,
        event_type=payload.type,
        event_version=payload.version,
        wall_us=1,
        data=payload.model_dump(mode="json"),
    )


def received(payload: Payload | bytes, name: str = "readings", device: str = "pump-1") -> Received:
    """The message on a device's topic."""
    body = payload if isinstance(payload, bytes) else payload_bytes(payload)
    return Received(mqtt_topics.device_topic(device, name), body, 1, 1)
