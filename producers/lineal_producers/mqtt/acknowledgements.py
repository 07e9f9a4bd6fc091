"""Telling the devices what the bus has, and no more than the newest of it.

Acknowledgements are cumulative, so those that wait for the broker are overwritten, not queued: the
memory they take is bounded by the number of devices, however far behind the broker is.
"""

from __future__ import annotations

from collections import OrderedDict

from lineal_producers.mqtt.connection import BrokerConnection, BrokerUnavailable
from lineal_schemas.mqtt_topics import ack
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryAck


class Acknowledgements:
    """What waits to be told over one connection."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._waiting: OrderedDict[tuple[str, str], TelemetryAck] = OrderedDict()

    def tell(self, told: TelemetryAck) -> None:
        """What a device is to be told; newer than all it was told of this boot."""
        key = told.device, told.boot_id
        known = self._waiting.get(key)
        if known is not None and known.resend and not told.resend:
            same = (known.upto_seq, known.upto_event) == (told.upto_seq, told.upto_event)
            if same:  # the hole is still there
                told = known
        self._waiting[key] = told

    def send(self) -> None:
        """Hand over as many as the broker takes now."""
        try:
            while self._waiting and self._connection.has_room:
                _, told = self._waiting.popitem(last=False)
                self._connection.send(ack(told.device), payload_bytes(told))
        except BrokerUnavailable:
            self._waiting.clear()  # the devices send again what they were not told of

    async def run(self) -> None:
        """Send on, whenever the broker has confirmed some, until cancelled."""
        while True:
            await self._connection.room.wait()
            self._connection.room.clear()
            self.send()
