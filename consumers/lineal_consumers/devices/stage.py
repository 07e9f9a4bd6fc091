"""The stage that keeps the register of devices: births, deaths, counters and gaps."""

from __future__ import annotations

from lineal.stages import Context, NoConfig, stage
from lineal_catalog.devices.register import STAGE, Device
from lineal_schemas.envelope import Event
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceHealth,
    TelemetryEvent,
    TelemetryGap,
)


# Readings are not among its inputs: a change of state for each batch would cost more than the
# batch. How far a device's readings have come, the bridge knows.
@stage(
    STAGE,
    version="1",
    consumes=(DeviceBirth, DeviceDeath, DeviceHealth, TelemetryGap),
    memo=False,
)
async def devices(event: Event[TelemetryEvent], ctx: Context[NoConfig]) -> None:
    said = event.data
    kept = await ctx.state.get(said.device)
    device = Device(device=said.device) if kept is None else Device.model_validate_json(kept)
    assert isinstance(said, DeviceBirth | DeviceDeath | DeviceHealth | TelemetryGap)
    changed = device.after(said, event.time)
    await ctx.state.put(said.device, changed.model_dump_json().encode())
