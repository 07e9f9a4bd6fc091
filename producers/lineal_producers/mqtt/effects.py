"""What the bridge leaves in the store: positions of devices, notices of jobs, and its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import orjson

from lineal.effects.effect import Effect, register
from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_producers.mqtt.rows import get_row, put_rows


class LeaseLost(LinealError):
    """Another bridge has taken over."""


@dataclass(frozen=True, slots=True)
class LeaseHeld(Effect):
    """The lease must still be the bridge's, or nothing of the transaction happens.

    Applying it raises :class:`LeaseLost` when it is another's.
    """

    kind: ClassVar[str] = "mqtt.lease"
    read_by_others: ClassVar[bool] = True

    name: str
    holder: str


@dataclass(frozen=True, slots=True)
class DevicePositionPut(Effect):
    """How far a device has come, or the watermark of all.

    Never before its events are on the bus: what a position covers is not taken again.
    """

    kind: ClassVar[str] = "mqtt.position"
    read_by_others: ClassVar[bool] = False

    name: str
    row: bytes


@dataclass(frozen=True, slots=True)
class NoticePut(Effect):
    """Which job stands on a device's notify topic."""

    kind: ClassVar[str] = "mqtt.notice"
    read_by_others: ClassVar[bool] = True

    name: str
    row: bytes


def lease_holder(connection: Connection, name: str) -> str | None:
    """Who has a lease; None before anybody ever had it."""
    row = get_row(connection, name)
    return None if row is None else orjson.loads(row)["holder"]


def _check(connection: Connection, leases: Sequence[LeaseHeld]) -> None:
    for lease in set(leases):
        if lease_holder(connection, lease.name) != lease.holder:
            raise LeaseLost("another bridge has taken over")


def _put(connection: Connection, rows: Sequence[DevicePositionPut | NoticePut]) -> None:
    put_rows(connection, {put.name: put.row for put in rows})


register(_check, LeaseHeld)
register(_put, DevicePositionPut, NoticePut)
