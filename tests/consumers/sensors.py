"""Made-up devices on a bus, and models put into use for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime
from lineal_catalog.models.promotions import promotion_attributes
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.telemetry import TelemetryEvent, TelemetryGap, TelemetryReadings
from tests.lineage.records import one_step
from tests.scoring.readings import FEATURES

BOOT = "ab" * 16
PERIOD_US = 50_000
BEGIN_US = 1_790_000_000_000_000


def batches(
    values: np.ndarray, device: str = "t1", boot_id: str = BOOT, first_seq: int = 1,
    size: int = 20, features: Sequence[str] = FEATURES,
) -> Iterator[TelemetryReadings]:  # fmt: skip
    """Readings as the agent sends them; NaN becomes a missing value."""
    for begin in range(0, len(values), size):
        rows = values[begin : begin + size]
        first = first_seq + begin
        yield TelemetryReadings(
            device=device,
            boot_id=boot_id,
            first_seq=first,
            last_seq=first + len(rows) - 1,
            monotonic_us=first * PERIOD_US,
            wall_us=BEGIN_US + first * PERIOD_US,
            features=tuple(features),
            offsets_us=tuple(index * PERIOD_US for index in range(len(rows))),
            values=tuple(
                tuple(float(value) if np.isfinite(value) else None for value in row) for row in rows
            ),
        )


def gap(first_seq: int, last_seq: int, device: str = "t1", boot_id: str = BOOT) -> TelemetryGap:
    return TelemetryGap(
        device=device, boot_id=boot_id, first_seq=first_seq, last_seq=last_seq,
        reason="disk_full", wall_us=BEGIN_US + first_seq * PERIOD_US,
    )  # fmt: skip


def telemetry_event(message: TelemetryEvent) -> RawEvent:
    """The event the bridge makes of a message."""
    assert isinstance(message, TelemetryReadings | TelemetryGap)
    return first_event(message, id=message.event_id, source="test:bridge")


async def send(runtime: Runtime, *messages: TelemetryEvent) -> None:
    """Put messages on the bus as the bridge does."""
    events = [telemetry_event(message) for message in messages]
    await runtime.bus.publish([(event.type, event) for event in events])


async def put_in_use(
    runtime: Runtime, data: bytes, name: str = "turbine", counter: int = 1, **attributes: Any
) -> None:
    """Have a model be in use, by a record as a promotion leaves it."""
    await runtime.objects.put_large(data)
    model = Artifact(digest(data), "application/x-onnx", len(data), "model")
    record = one_step(
        f"model:{name}",
        kind="promote",
        started=now_us(),
        actor="user:test",
        inputs=[model],
        attributes={**promotion_attributes(name, counter, counter, "manual"), **attributes},
    )
    await runtime.committer.publish((), lineage_records([record]))
    await runtime.flush_ledger()
