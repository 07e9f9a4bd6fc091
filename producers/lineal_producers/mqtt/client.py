"""A paho client that handles PUBLISH and PUBACK, the most frequent packets, with less work.

paho reads every packet with four system calls and makes tables of all MQTT 5 properties for each,
which is most of what it costs to receive a message. Here the socket is read in large pieces, and a
PUBLISH or PUBACK without anything unusual is taken apart on the spot; everything else is left to
paho, the whole of connecting and subscribing too. This reaches into paho 2: the tests run it
against real brokers, and the dependency is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import MQTTErrorCode

_PIECE = 256 * 1024
_FAILED = 0x80

Received = Callable[[str, bytes, int, int, bool], None]
"""Topic, payload, packet identifier, QoS, retained."""
Confirmed = Callable[[int, int | None], None]
"""Packet identifier, and the reason code if the broker refused the message."""


class ReadingClient(Client):
    """Calls ``received`` for every message and ``confirmed`` for every PUBACK, in their order."""

    def __init__(self, *given: Any, received: Received, confirmed: Confirmed, **named: Any) -> None:
        super().__init__(*given, **named)
        self._received = received
        self._confirmed = confirmed
        self._piece = b""
        self._at = 0
        self.on_message = self._left_to_paho

    @property
    def has_read_ahead(self) -> bool:
        """Whether there are packets in memory that were read from the socket already."""
        return self._at < len(self._piece)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._piece):
            piece = super()._sock_recv(max(bufsize, _PIECE))
            if len(piece) <= bufsize:
                return piece
            self._piece, self._at = piece, 0
        begin = self._at
        self._at = begin + bufsize
        return self._piece[begin : self._at]

    def _handle_publish(self) -> MQTTErrorCode:
        command, packet = self._in_packet["command"], self._in_packet["packet"]
        qos = command >> 1 & 3
        begin = 2 + int.from_bytes(packet[:2], "big")
        topic = packet[2:begin]
        mid = 0
        if qos:
            mid = int.from_bytes(packet[begin : begin + 2], "big")
            begin += 2
        if self._protocol == MQTTv5:
            # a length of more than one byte, a packet that is cut off: for paho to judge
            properties = packet[begin] if begin < len(packet) else _FAILED
            begin += 1 + properties
            if properties >= _FAILED:
                return super()._handle_publish()
        if qos == 2 or begin > len(packet):
            return super()._handle_publish()
        name = topic.decode("utf-8", "replace")
        self._received(name, bytes(packet[begin:]), mid, qos, bool(command & 1))
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _left_to_paho(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        """A message with something unusual, as with many properties, is one all the same: unseen it
        would never be acknowledged, and take one of the broker's places for good."""
        name = bytes(message._topic).decode("utf-8", "replace")
        self._received(name, bytes(message.payload), message.mid, message.qos, message.retain)

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        mid = int.from_bytes(packet[:2], "big")
        with self._out_message_mutex:
            message = self._out_messages.pop(mid, None)
            if message is not None:
                message.info._set_as_published()
                self._inflight_messages -= 1
        if message is not None:
            failed = len(packet) > 2 and packet[2] >= _FAILED
            self._confirmed(mid, packet[2] if failed else None)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
