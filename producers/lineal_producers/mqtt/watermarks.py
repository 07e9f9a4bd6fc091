"""Device watermarks: up to where each device's streams are on the bus. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from lineal.store.connection import Connection
from lineal_producers.mqtt.rows import get_rows

DEVICE = "device/"
"""Before the names of rows that hold positions."""
BOOT = "boot/"
"""Before the names of rows of single boots that are no longer among a device's newest."""


class BootWatermark(NamedTuple):
    """The streams of one boot: everything up to these numbers is on the bus."""

    boot_id: str
    upto_seq: int
    upto_event: int


class DeviceWatermark(NamedTuple):
    """One device."""

    boots: tuple[BootWatermark, ...]
    """The one that was heard of last at the end."""
    at: int
    """When something of it was last put onto the bus, microseconds since the Unix epoch."""


def device_watermarks(connection: Connection, devices: Sequence[str]) -> dict[str, DeviceWatermark]:
    """The watermarks by device, without devices that never sent anything."""
    rows = get_rows(connection, [f"{DEVICE}{device}" for device in devices])
    found = {}
    for name, value in rows.items():
        fields = orjson.loads(value)
        boots = tuple(
            BootWatermark(boot, *acked_through) for boot, acked_through in fields["boots"].items()
        )
        found[name.removeprefix(DEVICE)] = DeviceWatermark(boots, fields["at"])
    return found
