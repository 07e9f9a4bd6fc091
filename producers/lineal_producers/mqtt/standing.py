"""How far the bus has come with a device, for those who only look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from lineal.store.connection import Connection
from lineal_producers.mqtt.rows import get_rows

DEVICE = "device/"
"""Before the names of rows that hold positions."""


class BootStanding(NamedTuple):
    """The streams of one boot: everything up to these numbers is on the bus."""

    boot_id: str
    upto_seq: int
    upto_event: int


class Standing(NamedTuple):
    """One device."""

    boots: tuple[BootStanding, ...]
    """The one that was heard of last at the end."""
    at: int
    """When something of it was last put onto the bus, microseconds since the Unix epoch."""


def standings(connection: Connection, devices: Sequence[str]) -> dict[str, Standing]:
    """By device, those left out of which nothing ever came."""
    rows = get_rows(connection, [f"{DEVICE}{device}" for device in devices])
    found = {}
    for name, value in rows.items():
        fields = orjson.loads(value)
        boots = tuple(BootStanding(boot, *upto) for boot, upto in fields["boots"].items())
        found[name.removeprefix(DEVICE)] = Standing(boots, fields["at"])
    return found
