"""The stage that keeps the register of devices: births, deaths, counters and gaps."""

from __future__ import annotations

import structlog

from lineal import Context, stage
from lineal_catalog.devices.register import STAGE, Device
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceCloned,
    DeviceDeath,
    DeviceHealth,
    DeviceRemoved,
    TelemetryGap,
)

log = structlog.get_logger(__name__)


# Readings are not among its inputs: a change of state for each batch would cost more than the
# batch. How far a device's readings have come, the bridge knows.
@stage(STAGE, version="1", produces=DeviceCloned, memo=False)
async def devices(
    message: DeviceBirth | DeviceDeath | DeviceHealth | TelemetryGap, ctx: Context
) -> DeviceCloned | None:
    """Keep what is known of a device, and say when there are two of it."""
    before = await ctx.state.get(message.device, Device) or Device(device=message.device)
    device = before.after(message, ctx.event.time)
    await ctx.state.put(message.device, device)
    if device.cloned == before.cloned or before.birth is None or device.birth is None:
        return None
    log.warning("device.cloned", device=device.device, times=device.cloned)
    ctx.annotate(cloned=device.cloned)
    return DeviceCloned(
        device=device.device,
        boot_id=device.birth.boot_id,
        other_boot_id=before.birth.boot_id,
        times=device.cloned,
    )


@devices.on
async def removed(removal: DeviceRemoved, ctx: Context) -> None:
    """Forget a device, for those who may."""
    await ctx.require("deploy")
    await ctx.state.delete(removal.device)
