"""Readings of a device as curves, with its anomalies and gaps."""

from __future__ import annotations

from typing import Any

import orjson

from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.runtime import Runtime
from lineal_schemas.envelope import RawEvent, now_us

MAX_POINTS = 1500
"""Drawn of a curve: more would not be seen."""
_MAX_EVENTS = 20_000
_SECOND_US = 1_000_000


async def device_curves(runtime: Runtime, device: str, seconds: int) -> dict[str, Any]:
    """The curves of the last seconds: times in seconds since the Unix epoch, a list of values for
    each feature; anomalies and gaps as spans of time."""
    since = now_us() - seconds * _SECOND_US
    rows: list[tuple[float, list[float | None]]] = []
    features: list[str] = []
    for event in await _events(runtime, "telemetry.readings", device, since):
        payload = orjson.loads(event.data)
        if features and payload["features"] != features:
            rows.clear()  # the device was set up anew: what it measured before was something else
        features = payload["features"]
        begin = payload["wall_us"]
        rows += [
            ((begin + offset) / _SECOND_US, values)
            for offset, values in zip(payload["offsets_us"], payload["values"], strict=True)
        ]
    rows.sort(key=lambda row: row[0])
    step = max(1, len(rows) // MAX_POINTS)
    rows = rows[::step]
    return {
        "features": features,
        "times": [time for time, _ in rows],
        "values": [[values[place] for _, values in rows] for place in range(len(features))],
        "anomalies": await _anomalies(runtime, device, since),
        "gaps": [
            {"time": event.time / _SECOND_US, "count": gap["last_seq"] - gap["first_seq"] + 1}
            for event in await _events(runtime, "telemetry.gap", device, since)
            for gap in [orjson.loads(event.data)]
        ],
    }


async def _anomalies(runtime: Runtime, device: str, since: int) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for topic in ("anomaly.opened", "anomaly.closed"):
        for event in await _events(runtime, topic, device, since):
            payload = orjson.loads(event.data)
            time = payload["wall_us"] / _SECOND_US
            if topic == "anomaly.opened":
                found[payload["anomaly_id"]] = {
                    "id": payload["anomaly_id"],
                    "begin": time,
                    "end": None,
                    "score": payload["score"],
                    "threshold": payload["threshold"],
                    "features": [item["feature"] for item in payload["contributions"][:3]],
                    "fault": None,
                }
            elif payload["anomaly_id"] in found:
                found[payload["anomaly_id"]]["end"] = time
    for event in await _events(runtime, "fault.recognised", device, since):
        payload = orjson.loads(event.data)
        if payload["anomaly_id"] in found:
            found[payload["anomaly_id"]]["fault"] = payload["fault"] or "normal"
    return list(found.values())


async def _events(runtime: Runtime, topic: str, device: str, since: int) -> list[RawEvent]:
    found: list[RawEvent] = []
    try:
        async for item in runtime.bus.read(topic, Selection(key=device, from_time=since)):
            found.append(item.event)
            if len(found) == _MAX_EVENTS:
                break
    except UnknownTopic:
        return []
    return found
