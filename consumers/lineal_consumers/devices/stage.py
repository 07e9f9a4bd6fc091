"""The stage that keeps the register of devices: births, deaths, counters and gaps."""

from __future__ import annotations

from lineal import Context, stage
from lineal_catalog.devices.register import STAGE, Device
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceHealth,
    TelemetryGap,
)


# Readings are not among its inputs: a change of state for each batch would cost more than the
# batch. How far a device's readings have come, the bridge knows.
@stage(STAGE, version="1", memo=False)
async def devices(
    message: DeviceBirth | DeviceDeath | DeviceHealth | TelemetryGap, ctx: Context
) -> None:
    device = await ctx.state.get(message.device, Device) or Device(device=message.device)
    await ctx.state.put(message.device, device.after(message, ctx.event.time))
