"""Drifts of a model's readings, in the words and units of its machine."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_schemas.drift import DriftDetected
from lineal_schemas.envelope import decode


class DriftedFeature(NamedTuple):
    """What has moved, and from where to where."""

    feature: str
    before: float
    now: float
    unit: str


class ModelDrift(NamedTuple):
    """A drift that was found."""

    device: str | None
    """None: of all devices together."""
    from_us: int
    """Microseconds since the Unix epoch."""
    to_us: int
    features: tuple[DriftedFeature, ...]


async def drifts_of(runtime: Runtime, name: str, limit: int) -> list[ModelDrift]:
    """The newest drifts of a model that the bus keeps, the newest first."""
    found: deque[DriftDetected] = deque(maxlen=limit)
    try:
        async for delivery in read_admitted(runtime, DriftDetected.type, Selection(key=name)):
            drift = decode(delivery.event).data
            if isinstance(drift, DriftDetected):
                found.append(drift)
    except UnknownTopic:
        return []
    return await asyncio.to_thread(_with_units, runtime, list(reversed(found))) if found else []


def _with_units(runtime: Runtime, drifts: list[DriftDetected]) -> list[ModelDrift]:
    from lineal_consumers.machine_settings import known_machines  # with lineal[sensors], as drifts
    from lineal_scoring.machine import machine_of

    machines = known_machines(runtime.settings)
    made = []
    for drift in drifts:
        machine = None if drift.device is None else machine_of(machines, drift.device)
        features = tuple(
            DriftedFeature(
                each.feature,
                each.reference_mean,
                each.mean,
                "" if machine is None else machine.unit_of(each.feature),
            )
            for each in drift.features
            if each.drifted
        )
        made.append(ModelDrift(drift.device, drift.from_us, drift.to_us, features))
    return made
