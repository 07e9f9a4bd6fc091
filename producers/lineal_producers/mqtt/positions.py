"""How far each device has come, durable beside the bus.

A position is an effect that is published with the events it covers. On the embedded bus that is
the same transaction: a reading is on the bus exactly once, whatever is killed. Where the bus and
the store share no transaction it comes after the publication, or never; a bridge that starts there
reads the end of the telemetry topics from its watermark on, so that the bus itself has the last
word. What is taken twice nevertheless (a bus that keeps no past) has derived event ids.

One row a device, in the ``state`` table, as a stage's are, under the name ``bridge``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.effects.effect import apply
from lineal.errors import NotOffered, ObjectCorrupt, ObjectMissing, UnknownTopic
from lineal.runtime import Runtime
from lineal_producers.mqtt.effects import DevicePositionPut
from lineal_producers.mqtt.rows import get_row, get_rows
from lineal_producers.mqtt.sequence import CONFIRMATIONS, Sequence
from lineal_producers.mqtt.watermarks import DEVICE
from lineal_schemas.envelope import now_us
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings, parse_stream_message

log = structlog.get_logger(__name__)

_WATERMARK = "watermark"
_MARGIN_US = 60_000_000
_MAX_BOOTS = 16
"""Boots of one device that are remembered: a device sends the rest of an old one first."""
_MAX_DEVICES = 50_000
"""Devices held in memory; the others are in the store."""


@dataclass(slots=True)
class Boot:
    """The two streams of one boot."""

    readings: Sequence
    events: Sequence


@dataclass(slots=True)
class DevicePosition:
    """All that is known of a device."""

    confirmations: int = CONFIRMATIONS
    boots: OrderedDict[str, Boot] = field(default_factory=OrderedDict)
    """By boot id, the one that was heard of last at the end."""
    status: str | None = None
    """Digest of the last birth or death that was put onto the bus: the broker brings a retained one
    again after every reconnect."""
    session: str | None = None
    """The id of that event."""

    def boot(self, boot_id: str) -> Boot:
        """The position of a boot, a new one beginning at 0."""
        found = self.boots.get(boot_id)
        if found is None:
            found = self._make(0, 0)
            self.boots[boot_id] = found
            while len(self.boots) > _MAX_BOOTS:
                self.boots.popitem(last=False)
        else:
            self.boots.move_to_end(boot_id)
        return found

    def read(self, row: bytes) -> None:
        """Take over what is in a row."""
        fields: dict[str, Any] = orjson.loads(row)
        self.status, self.session = fields["status"], fields["session"]
        for boot_id, (seq, event) in fields["boots"].items():
            self.boots[boot_id] = self._make(seq, event)

    def row(self, at: int) -> bytes:
        """As it is kept, at a time in microseconds since the Unix epoch."""
        boots = {
            name: [b.readings.acked_through, b.events.acked_through]
            for name, b in self.boots.items()
        }
        return orjson.dumps(
            {"boots": boots, "status": self.status, "session": self.session, "at": at}
        )

    def _make(self, seq: int, event: int) -> Boot:
        return Boot(
            Sequence(seq, confirmations=self.confirmations),
            Sequence(event, confirmations=self.confirmations),
        )


class Positions:
    """Positions of the devices that speak, loaded when they first do."""

    def __init__(self, runtime: Runtime, *, confirmations: int = CONFIRMATIONS) -> None:
        self._runtime = runtime
        self._confirmations = confirmations
        self._known: OrderedDict[str, DevicePosition] = OrderedDict()

    async def load(self, devices: Collection[str]) -> None:
        """Have the positions of these devices at hand."""
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

    def effects(self, devices: Iterable[str]) -> list[DevicePositionPut]:
        """What makes the positions of these devices, as they are now, durable."""
        now = now_us()
        positions = [
            DevicePositionPut(f"{DEVICE}{device}", self._known[device].row(now))
            for device in devices
        ]
        return [*positions, DevicePositionPut(_WATERMARK, b"%d" % now)]

    def forget(self) -> None:
        """Hold nothing in memory any more: what was not made durable did not happen."""
        self._known.clear()

    async def catch_up(self) -> None:
        """Bring the positions up to what is on the bus, where they may be behind it."""
        if self._runtime.bus.capabilities.applies_effects:
            return
        row = await self._runtime.store.read(lambda c: get_row(c, _WATERMARK))
        if row is None:
            return
        since = Selection(from_time=int(row) - _MARGIN_US)
        behind: set[str] = set()
        for topic in (TelemetryReadings.type, TelemetryGap.type):
            try:
                behind |= await self._read_topic(topic, since)
            except (UnknownTopic, NotOffered) as error:
                log.info("bridge.catch_up_unavailable", topic=topic, reason=str(error))
        if behind:
            log.info("bridge.caught_up", devices=len(behind))
            effects = self.effects(behind)
            await self._runtime.store.write(lambda connection: apply(connection, effects))

    async def _read_topic(self, topic: str, since: Selection) -> set[str]:
        behind = set()
        async for delivery in self._runtime.bus.read(topic, since):
            try:
                event = await check_out(delivery.event, self._runtime.objects)
                message = parse_stream_message(event.data)
            except (ValidationError, ObjectMissing, ObjectCorrupt):
                continue  # emitted by hand, or erased
            await self.load([message.device])
            readings = self.of(message.device).boot(message.boot_id).readings
            if readings.acked_through < message.last_seq:
                readings.acked_through = message.last_seq
                behind.add(message.device)
        return behind
