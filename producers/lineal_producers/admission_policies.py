"""The admission policy of each ingress: HTTP, ``lineal emit``, files and the MQTT bridge."""

from __future__ import annotations

from dataclasses import replace

from lineal.admission import AdmissionPolicy
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, AnomalyUpdated
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.documents import DocumentArrived, DocumentSourceDeleted
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceHealth,
    TelemetryGap,
    TelemetryReadings,
)

ELSEWHERE = {
    "deployment.job_updated": "the MQTT bridge, which devices report to",
    "deployment.": "`lineal deploy`",
    "model.": "`lineal model`",
    "document.labelled": "`lineal label`",
    "document.": "POST /documents or `lineal put`",
    "telemetry.": "the MQTT bridge, which devices send to",
    "device.": "the MQTT bridge, which devices send to",
    "anomaly.": "the MQTT bridge, which devices send to",
}
"""The ingress that is meant for an event type of ours, by its beginning; the first that fits."""

HTTP = AdmissionPolicy(name="http", types=frozenset((DocumentArrived.type,)), elsewhere=ELSEWHERE)
"""``POST /events``."""

EMIT = replace(HTTP, name="emit", accepts_invalid=True)
"""``lineal emit``."""

OPERATOR = AdmissionPolicy(name="operator", operator=True, accepts_invalid=True, bounded=False)
"""``lineal emit --as-operator``."""

FILES = AdmissionPolicy(
    name="files",
    types=frozenset((DocumentArrived.type, DocumentSourceDeleted.type)),
    own_types=False,
)
"""Watched folders, uploads, ``lineal put``, mailboxes and S3: they make the event of a file
themselves."""

BRIDGE = AdmissionPolicy(
    name="bridge",
    types=frozenset(
        payload.type
        for payload in (
            TelemetryReadings, TelemetryGap, DeviceBirth, DeviceDeath, DeviceHealth,
            AnomalyOpened, AnomalyUpdated, AnomalyClosed, DeploymentJobUpdated,
        )
    ),
    own_types=False,
    bounded=False,  # messages have a largest size, and of their data only numbers are many
)  # fmt: skip
"""The MQTT bridge: what devices may send."""
