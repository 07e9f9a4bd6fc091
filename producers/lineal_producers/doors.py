"""The doors that events come in by, and what each takes."""

from __future__ import annotations

from lineal.admission import Door
from lineal_schemas.documents import DocumentArrived

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
"""Which door is meant for an event type of ours, by its beginning; the first that fits."""

HTTP = Door("http", frozenset((DocumentArrived.type,)), ELSEWHERE)
