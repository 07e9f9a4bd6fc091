"""Reading a topic's events of one key, since a time."""

from __future__ import annotations

from pathlib import Path

from lineal.bus.protocol import Selection
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import first_event
from lineal_schemas.telemetry import TelemetryGap


def gap(device: str, number: int) -> TelemetryGap:
    return TelemetryGap(
        device=device, boot_id="b" * 32, first_seq=number + 1, last_seq=number + 1,
        reason="queue_full", wall_us=number,
    )  # fmt: skip


async def test_events_of_a_key_since_a_time_are_read_in_their_order(tmp_path: Path) -> None:
    async with open_runtime(Settings(data=tmp_path)) as runtime:
        sent = [
            first_event(gap(f"d-{n % 3}", n), id=f"{n}", source="test:", time=1_000 * n)
            for n in range(2500)
        ]
        await runtime.bus.publish([("telemetry.gap", event) for event in sent])
        wanted = Selection(key=sent[1].partitionkey, from_time=1_000_000)
        found = [item.event.id async for item in runtime.bus.read("telemetry.gap", wanted)]
        assert found == [f"{n}" for n in range(1000, 2500) if n % 3 == 1]
