"""The bridge's effects on the store: positions of devices, job notices, and its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import orjson

from lineal.effects.effect import Effect, register
from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_producers.mqtt.rows import get_row, put_rows


class LeaseLost(LinealError):
    """Another bridge holds the lease."""


@dataclass(frozen=True, slots=True)
class LeaseHeld(Effect):
    """The lease must still be the bridge's, or nothing of the transaction happens.

    Applying it raises :class:`LeaseLost` when it is another's.
    """

    kind: ClassVar[str] = "mqtt.lease"
    read_by_others: ClassVar[bool] = True

    name: str
    holder: str
    term: int = 0


@dataclass(frozen=True, slots=True)
class DevicePositionPut(Effect):
    """How far a device has come.

    Never before its events are on the bus: what a position covers is not taken again.
    """

    kind: ClassVar[str] = "mqtt.position"
    read_by_others: ClassVar[bool] = False

    name: str
    row: bytes


@dataclass(frozen=True, slots=True)
class NoticePut(Effect):
    """The job that is retained on a device's notify topic."""

    kind: ClassVar[str] = "mqtt.notice"
    read_by_others: ClassVar[bool] = True

    name: str
    row: bytes


class LeaseRow(NamedTuple):
    """A lease as it is kept."""

    holder: str
    """The member; "" where it was given back."""
    until: int
    """When it runs out, microseconds since the Unix epoch."""
    term: int = 0
    """How many times it was acquired so far."""
    worker: str = ""
    """Host and process of the holder."""


def lease_row(connection: Connection, name: str) -> LeaseRow | None:
    """A lease; None before the first."""
    row = get_row(connection, f"lease/{name}")
    return None if row is None else LeaseRow(**orjson.loads(row))


def _check(connection: Connection, leases: Sequence[LeaseHeld]) -> None:
    for lease in set(leases):
        row = lease_row(connection, lease.name)
        if row is None or (row.holder, row.term) != (lease.holder, lease.term):
            raise LeaseLost("another bridge has taken over")


def _put(connection: Connection, rows: Sequence[DevicePositionPut | NoticePut]) -> None:
    put_rows(connection, {put.name: put.row for put in rows})


register(_check, LeaseHeld)
register(_put, DevicePositionPut, NoticePut)
