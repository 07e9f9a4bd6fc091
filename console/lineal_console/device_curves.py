"""Readings of a device as curves, with its anomalies and gaps."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import orjson

from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_consumers.machine_settings import known_machines
from lineal_schemas.envelope import RawEvent, now_us
from lineal_scoring.machine import Machine, machine_of

MAX_POINTS = 1500
"""Drawn of a curve: more would not be seen."""
_MAX_EVENTS = 2000
"""Of a topic; of more readings every second, fourth, ... event is taken, over the whole time."""
_PAUSE_EVENTS = 500
_LONG = 20
"""Times the usual distance of two readings."""
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_MONTH_US = 31 * _DAY_US
_BEFORE_US = 600 * _SECOND_US

Row: TypeAlias = tuple[float, list[float | None]]
"""A time, and what was measured then."""


async def device_curves(
    runtime: Runtime, device: str, since: int, until: int | None = None
) -> dict[str, Any]:
    """The curves of a time: times in seconds since the Unix epoch, for each feature its unit and a
    list of values; values that its sensor cannot show; anomalies and gaps as spans of time.

    Args:
        since: microseconds since the Unix epoch.
        until: the same; None: now.
    """
    machines = await asyncio.to_thread(known_machines, runtime.settings)
    machine = machine_of(machines, device)
    chosen = Selection(key=device, from_time=since, to_time=until)
    readings = await _events(runtime, "telemetry.readings", chosen)
    gaps = await _events(runtime, "telemetry.gap", chosen)
    return {
        # Apart from the loop that answers everybody else.
        **await asyncio.to_thread(_curves, readings, machine),
        "anomalies": await _anomalies(runtime, chosen),
        "gaps": [
            {"time": event.time / _SECOND_US, "count": gap["last_seq"] - gap["first_seq"] + 1}
            for event in gaps
            for gap in [orjson.loads(event.data)]
        ],
    }


def _curves(events: list[RawEvent], machine: Machine | None) -> dict[str, Any]:
    payloads = [orjson.loads(event.data) for event in events]
    features: list[str] = payloads[-1]["features"] if payloads else []
    # Where the device was set up anew, what it measured before was something else.
    same = [payload for payload in payloads if payload["features"] == features]
    step = max(1, sum(len(payload["values"]) for payload in same) // MAX_POINTS)
    rows: list[Row] = [
        ((payload["wall_us"] + offset) / _SECOND_US, values)
        for payload in same
        for offset, values in zip(
            payload["offsets_us"][::step], payload["values"][::step], strict=True
        )
    ]
    rows.sort(key=lambda row: row[0])
    rows = _interrupted(rows, [None] * len(features))
    return {
        "features": features,
        "units": ["" if machine is None else machine.unit_of(name) for name in features],
        "outside": [] if machine is None else _outside(features, same, machine),
        "times": [time for time, _ in rows],
        "values": [[values[place] for _, values in rows] for place in range(len(features))],
    }


def _outside(
    features: list[str], payloads: list[dict[str, Any]], machine: Machine
) -> list[dict[str, Any]]:
    """Of each feature how many values are beyond what its sensor can show, as ``range`` of the
    machine file says."""
    found = []
    for place, name in enumerate(features):
        limits = machine.channels[name].range if name in machine.channels else None
        if limits is None:
            continue
        values = (row[place] for payload in payloads for row in payload["values"])
        count = sum(value is not None and machine.out_of_range(name, value) for value in values)
        if count:
            unit = machine.unit_of(name)
            found.append({"feature": name, "count": count, "range": limits, "unit": unit})
    return found


def _interrupted(rows: list[Row], nothing: list[float | None]) -> list[Row]:
    """With a row of nothing where none came for long, so that no line is drawn over it."""
    if len(rows) < 3:
        return rows
    usual = sorted(after[0] - before[0] for before, after in pairwise(rows))[len(rows) // 2]
    found = [rows[0]]
    for before, after in pairwise(rows):
        if after[0] - before[0] > _LONG * usual:
            found.append(((before[0] + after[0]) / 2, nothing))
        found.append(after)
    return found


class AnomalyTime(NamedTuple):
    """When a device behaved otherwise, and the time to draw around it."""

    device: str
    begin: int
    """Microseconds since the Unix epoch, by the device's clock."""
    end: int | None
    """None: it is not over."""
    features: tuple[str, ...]
    """Those that show it most."""

    @property
    def drawn_from(self) -> int:
        """What was usual before it is drawn too."""
        return self.begin - max(_BEFORE_US, (self._last - self.begin) // 2)

    @property
    def drawn_to(self) -> int:
        """Of a long one its beginning."""
        return min(self._last + _BEFORE_US, self.begin + _DAY_US)

    @property
    def _last(self) -> int:
        return max(self.begin, now_us() if self.end is None else self.end)


async def anomaly_time(
    runtime: Runtime, device: str, anomaly_id: str, asked: int
) -> AnomalyTime | None:
    """When an anomaly of a device was; None where the bus keeps it no longer.

    Args:
        asked: when a person was asked about it, in microseconds since the Unix epoch: it began
            within the month before.
    """
    found = await _anomalies(runtime, Selection(key=device, from_time=asked - _MONTH_US))
    for each in found:
        if each["id"] == anomaly_id:
            end = None if each["end"] is None else round(each["end"] * _SECOND_US)
            begin = round(each["begin"] * _SECOND_US)
            return AnomalyTime(device, begin, end, tuple(each["features"]))
    return None


async def _anomalies(runtime: Runtime, chosen: Selection) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for topic in ("anomaly.opened", "anomaly.closed"):
        for event in await _events(runtime, topic, chosen):
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
    for event in await _events(runtime, "fault.recognised", chosen):
        payload = orjson.loads(event.data)
        if payload["anomaly_id"] in found:
            found[payload["anomaly_id"]]["fault"] = payload["fault"] or "normal"
    return list(found.values())


async def _events(runtime: Runtime, topic: str, chosen: Selection) -> list[RawEvent]:
    """Those of a time, or an even choice of them where they are very many."""
    found: list[RawEvent] = []
    every = 1
    number = 0
    try:
        async for item in read_admitted(runtime, topic, chosen):
            if number % every == 0:
                found.append(item.event)
            number += 1
            if len(found) == 2 * _MAX_EVENTS:
                del found[1::2]
                every *= 2
            if number % _PAUSE_EVENTS == 0:
                await asyncio.sleep(0)  # others are to be answered meanwhile
    except UnknownTopic:
        return []
    return found
