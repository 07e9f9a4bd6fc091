"""Sends acknowledgements to the devices, only the newest of each stream.

Acknowledgements are cumulative, so those that wait for the broker are overwritten, not queued: the
memory they take is bounded by the number of devices, however far behind the broker is.

To tell a thousand devices of each of their messages costs as much as to take these in. So where
many speak at once they are told every few seconds; a device keeps dozens of messages in flight.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from lineal_producers.mqtt.connection import BrokerConnection, BrokerUnavailable
from lineal_schemas.mqtt_topics import ack as ack_topic
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryAck

_MANY = 64
_SECONDS = 2.0


class Acknowledgements:
    """The acknowledgements that wait to be sent over one connection."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._waiting: OrderedDict[tuple[str, str], TelemetryAck] = OrderedDict()
        self._due: asyncio.TimerHandle | None = None
        self._sending = False

    def enqueue(self, ack: TelemetryAck) -> None:
        """An acknowledgement for a device; newer than all that it was sent of this boot."""
        key = ack.device, ack.boot_id
        known = self._waiting.get(key)
        if known is not None and known.resend and not ack.resend:
            same = (known.upto_seq, known.upto_event) == (ack.upto_seq, ack.upto_event)
            if same:  # the hole is still there
                ack = known
        self._waiting[key] = ack

    def soon(self) -> None:
        """Acknowledge a batch of messages to its devices, at once if few wait."""
        if len(self._waiting) <= _MANY:
            self._send()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(_SECONDS, self._send)

    def _send(self) -> None:
        """Hand over as many as the broker takes now, the others when it has room."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        try:
            while self._waiting and self._connection.has_room:
                _, ack = self._waiting.popitem(last=False)
                self._connection.send(ack_topic(ack.device), payload_bytes(ack))
        except BrokerUnavailable:
            self._waiting.clear()  # the devices send again what they were not told of
        self._sending = bool(self._waiting)

    async def run(self) -> None:
        """Send on, whenever the broker has confirmed some, until cancelled."""
        try:
            while True:
                await self._connection.room.wait()
                self._connection.room.clear()
                if self._sending:
                    self._send()
        finally:
            if self._due is not None:
                self._due.cancel()
