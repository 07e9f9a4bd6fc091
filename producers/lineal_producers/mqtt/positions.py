"""The position of each device's streams, kept in the store.

A position is an effect that is published with the events it covers, in one transaction: on the
embedded bus that of the events themselves; on Kafka it is on the lineage topic, from where it is
applied to the store. A bridge that takes over waits until the store has all of these, after it has
fenced whoever was there before: so a reading is on the bus exactly once, whatever is killed.

One row a device, in the ``state`` table, as a stage's are, under the name ``bridge``. It has the
boots that were heard of last; each older boot has a row of its own, for as long as an event is
known by its id (14 days): a device that restarts in a loop while the bridge is away sends dozens of
boots, and a broker may bring all of them twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from lineal.effects.seen import WINDOW_US
from lineal.runtime import Runtime
from lineal_producers.mqtt.effects import DevicePositionPut
from lineal_producers.mqtt.rows import delete_rows, get_rows
from lineal_producers.mqtt.sequence import CONFIRMATIONS, Sequence
from lineal_producers.mqtt.watermarks import BOOT, DEVICE
from lineal_schemas.envelope import now_us

_NEWEST_BOOTS = 16
"""Boots in a device's own row; the others have rows of their own."""
_MAX_OLDER = 10_000
"""Older boots held in memory, of all devices: the store may lag behind what was published."""
_MAX_DEVICES = 50_000
"""Devices held in memory; the others are in the store."""


@dataclass(slots=True)
class Boot:
    """The two streams of one boot."""

    readings: Sequence
    events: Sequence
    anomaly: str | None = None
    """The id of the anomaly that its events were about last."""


@dataclass(slots=True)
class DevicePosition:
    """The positions of a device."""

    confirmations: int = CONFIRMATIONS
    boots: OrderedDict[str, Boot] = field(default_factory=OrderedDict)
    """By boot id, the one that was heard of last at the end."""
    status: str | None = None
    """Digest of the last birth or death that was put onto the bus: the broker brings a retained one
    again after every reconnect."""
    session: str | None = None
    """The id of that event."""

    def read(self, row: bytes) -> None:
        """Read them from a row."""
        fields: dict[str, Any] = orjson.loads(row)
        self.status, self.session = fields["status"], fields["session"]
        for boot_id, (seq, event) in fields["boots"].items():
            self.boots[boot_id] = self.new_boot(seq, event)
        for boot_id, anomaly in fields.get("anomalies", {}).items():
            self.boots[boot_id].anomaly = anomaly

    def row(self, at: int) -> bytes:
        """As it is kept, at a time in microseconds since the Unix epoch."""
        boots = {
            name: [b.readings.acked_through, b.events.acked_through]
            for name, b in self.boots.items()
        }
        row = {"boots": boots, "status": self.status, "session": self.session, "at": at}
        anomalies = {name: b.anomaly for name, b in self.boots.items() if b.anomaly is not None}
        return orjson.dumps({**row, "anomalies": anomalies} if anomalies else row)

    def new_boot(self, seq: int = 0, event: int = 0) -> Boot:
        """The streams of a boot that are on the bus up to these numbers."""
        return Boot(
            Sequence(seq, confirmations=self.confirmations),
            Sequence(event, confirmations=self.confirmations),
        )


class Positions:
    """The positions of active devices, loaded with their first message."""

    def __init__(self, runtime: Runtime, *, confirmations: int = CONFIRMATIONS) -> None:
        self._runtime = runtime
        self._confirmations = confirmations
        self._known: OrderedDict[str, DevicePosition] = OrderedDict()
        self._older: OrderedDict[tuple[str, str], Boot] = OrderedDict()
        self._evicted: set[tuple[str, str]] = set()
        """Of the older ones, those whose rows are not written yet."""

    async def load(self, boots: Collection[tuple[str, str]]) -> None:
        """Load the positions of these boots, given as device and boot id, and of their devices."""
        await self.load_devices({device for device, _ in boots})
        self._trim()
        wanted = [
            (device, boot_id)
            for device, boot_id in boots
            if boot_id not in self._known[device].boots and (device, boot_id) not in self._older
        ]
        if not wanted:
            return
        names = [_boot_row(device, boot_id) for device, boot_id in wanted]
        rows = await self._runtime.store.read(lambda c: get_rows(c, names))
        for (device, boot_id), name in zip(wanted, names, strict=True):
            if name in rows:
                seq, event, _ = orjson.loads(rows[name])
                self._older[device, boot_id] = self._known[device].new_boot(seq, event)

    async def load_devices(self, devices: Collection[str]) -> None:
        """Load the positions of these devices, without the older ones of their boots."""
        wanted = [device for device in devices if device not in self._known]
        if wanted:
            names = [f"{DEVICE}{device}" for device in wanted]
            rows = await self._runtime.store.read(lambda c: get_rows(c, names))
            for device, name in zip(wanted, names, strict=True):
                position = self._known[device] = DevicePosition(self._confirmations)
                if name in rows:
                    position.read(rows[name])
        while len(self._known) > _MAX_DEVICES + len(devices):
            self._known.popitem(last=False)

    def of(self, device: str) -> DevicePosition:
        """The position of a device that was loaded."""
        self._known.move_to_end(device)
        return self._known[device]

    def boot(self, device: str, boot_id: str) -> Boot:
        """The position of a boot that was loaded, a new one beginning at 0."""
        position = self.of(device)
        found = position.boots.get(boot_id)
        if found is not None:
            position.boots.move_to_end(boot_id)
            return found
        found = self._older.pop((device, boot_id), None) or position.new_boot()
        self._evicted.discard((device, boot_id))
        position.boots[boot_id] = found
        while len(position.boots) > _NEWEST_BOOTS:
            name, evicted = position.boots.popitem(last=False)
            self._older[device, name] = evicted
            self._evicted.add((device, name))
        return found

    def effects(self, devices: Iterable[str]) -> list[DevicePositionPut]:
        """The effects that make the present positions of these devices durable."""
        now = now_us()
        older = [
            DevicePositionPut(
                _boot_row(device, boot_id),
                orjson.dumps([boot.readings.acked_through, boot.events.acked_through, now]),
            )
            for device, boot_id in sorted(self._evicted)
            for boot in [self._older[device, boot_id]]
        ]
        self._evicted.clear()
        self._trim()
        positions = [
            DevicePositionPut(f"{DEVICE}{device}", self._known[device].row(now))
            for device in devices
        ]
        return [*older, *positions]

    def _trim(self) -> None:
        while len(self._older) > _MAX_OLDER and next(iter(self._older)) not in self._evicted:
            self._older.popitem(last=False)

    def forget(self) -> None:
        """Forget all positions in memory, those that are not durable yet included."""
        self._known.clear()
        self._older.clear()
        self._evicted.clear()

    async def sweep(self) -> None:
        """Forget boots that were last written longer ago than an event is known by its id."""
        before = now_us() - WINDOW_US
        await self._runtime.store.write(
            lambda c: delete_rows(c, BOOT, lambda row: orjson.loads(row)[2] < before)
        )

    async def catch_up(self) -> None:
        """Wait until the store has all positions that were published before.

        Raises:
            BusUnavailable: it takes too long.
        """
        self.forget()
        await self._runtime.flush_ledger()


def _boot_row(device: str, boot_id: str) -> str:
    return f"{BOOT}{device}/{boot_id}"
