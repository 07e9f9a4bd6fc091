"""A connection to the broker, driven by the event loop; a lost one is replaced by a new one.

paho reads and writes when the loop says that the socket is ready: half as fast again as its own
thread, and messages need no hand-over. Two bounds keep the memory flat whatever comes: the broker
sends no more than Receive Maximum messages that are not acknowledged (MQTT 5, 3.3.4), and the
socket is not read while more than so many bytes wait (QoS 0, and brokers that speak MQTT 3.1.1).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lineal.errors import Unavailable
from lineal_producers.mqtt.address import parse_address
from lineal_producers.mqtt.client import ReadingClient
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.mqtt.shares import SHARE, Share
from lineal_schemas.mqtt_topics import UP, of_all_devices

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 10.0
_PACKETS_A_TURN = 64
_DEFAULT_WINDOW = 20
"""For brokers that do not say how much they take (mosquitto's own limit)."""
_MAX_WINDOW = 1000
_RESERVED = 4
_LARGEST_PACKET = 16 << 20


class BrokerUnavailable(Unavailable):
    """The broker cannot be reached, refuses us, or the connection has ended."""


class Received(NamedTuple):
    """A message of a device."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    retained: bool = False
    """It was said before we subscribed."""
    of_others: bool = False
    """Another share works for the device: it is only to be confirmed, when its turn comes."""


class BrokerConnection:
    """Use :func:`connect`."""

    def __init__(self, settings: MqttSettings, share: Share | None = None) -> None:
        self._settings = settings
        self._share = Share(1, 1) if share is None else share
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Set to the reason when the connection has ended."""
        self.arrived = asyncio.Event()
        """Set while messages wait."""
        self.room = asyncio.Event()
        """Set when the broker has confirmed a message: another one may be sent."""
        self._inbox: deque[Received] = deque()
        self._bytes = 0
        self._reading = False
        self._progress = 0
        self._unconfirmed: dict[int, asyncio.Future[None] | None] = {}
        self.window = _DEFAULT_WINDOW
        """Messages the broker takes before it wants to confirm one."""
        self.resumed = False
        """Whether the broker still had our session, and with it what came while we were away."""
        self._client = self._make_client()
        self._socket: Any = None

    def _make_client(self) -> ReadingClient:
        settings = self._settings
        newest = settings.protocol == 5
        client = ReadingClient(
            CallbackAPIVersion.VERSION2,
            self._share.client_id(settings.client_id),
            clean_session=None if newest else False,
            protocol=MQTTv5 if newest else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            received=self._message,
            confirmed=self._published,
        )
        client.connect_timeout = _CONNECT_SECONDS
        # paho goes through all messages in flight at every confirmation, unless it has no limit;
        # the limit is ours then
        client.max_inflight_messages_set(0)
        if settings.username is not None:
            password = settings.password
            client.username_pw_set(
                self._of_share(settings.username),
                None if password is None else password.get_secret_value(),
            )
        if parse_address(settings.url or "").tls:
            client.tls_set(
                None if settings.ca is None else str(settings.ca),
                None if settings.certificate is None else self._of_share(settings.certificate),
                None if settings.key is None else self._of_share(settings.key),
            )
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        return client

    def _of_share(self, setting: str | Path) -> str:
        return str(setting).replace(SHARE, str(self._share.number))

    async def open(self) -> None:
        """Connect and subscribe.

        Raises:
            BrokerUnavailable: there is no way to the broker, or it refuses us.
        """
        address = parse_address(self._settings.url or "")
        try:
            # resolving the name and the TLS handshake wait for the network
            await asyncio.to_thread(self._connect, address.host, address.port)
            self._attach()
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.wait((self._answered, self.lost), return_when=asyncio.FIRST_COMPLETED)
            if not self._answered.done():
                raise BrokerUnavailable(f"{address}: {self.lost.result()}")
            self._answered.result()
        except (OSError, TimeoutError, ValueError) as error:
            self.close()
            raise BrokerUnavailable(f"{address}: {error or 'it does not answer'}") from error
        except BaseException:
            self.close()
            raise

    def _connect(self, host: str, port: int) -> None:
        settings = self._settings
        if settings.protocol != 5:
            self._client.connect(host, port, settings.keepalive)
            return
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = settings.session_seconds
        session.ReceiveMaximum = settings.receive_maximum
        session.MaximumPacketSize = _LARGEST_PACKET
        self._client.connect(host, port, settings.keepalive, clean_start=False, properties=session)

    def _attach(self) -> None:
        self._socket = self._client.socket()
        if self._socket is None:
            raise BrokerUnavailable("the connection has ended at once")
        self._client.on_socket_register_write = self._want_write
        self._client.on_socket_unregister_write = self._want_no_write
        self._client.on_socket_close = self._socket_closed
        self._read_on()
        if self._client.want_write():
            self._loop.add_writer(self._socket, self._client.loop_write)
        self._schedule_misc()

    def take(self, limit: int) -> list[Received]:
        """The next messages in the order in which they came, at most ``limit`` of the share's own,
        and those of others between them."""
        batch: list[Received] = []
        left = limit
        while self._inbox and left > 0:
            message = self._inbox.popleft()
            self._bytes -= len(message.payload)
            batch.append(message)
            left -= not message.of_others
        if not self._inbox:
            self.arrived.clear()
        if not self._reading and self._bytes < self._settings.buffer_bytes:
            self._read_on()
        return batch

    def confirm(self, messages: list[Received]) -> None:
        """Acknowledge these messages, the oldest that are not acknowledged, to the broker."""
        for message in messages:
            if message.qos:
                self._client.ack(message.mid, message.qos)

    @property
    def alive(self) -> bool:
        return not self.lost.done() and self._socket is not None

    @property
    def has_room(self) -> bool:
        """Whether the broker takes another message now. A little of the window is left to
        :meth:`deliver`, whose messages would otherwise wait behind all acknowledgements."""
        return self.alive and len(self._unconfirmed) < max(1, self.window - _RESERVED)

    def send(self, topic: str, body: bytes) -> None:
        """Hand a message to the broker (QoS 1), not to be waited for. Needs :attr:`has_room`."""
        self._publish(topic, body, retain=False, answer=None)

    async def deliver(self, topic: str, body: bytes, *, retain: bool = False) -> None:
        """Hand a message to the broker (QoS 1) and wait until it is confirmed.

        Raises:
            BrokerUnavailable: the connection has ended first.
            PermissionError: the broker does not let us publish it.
        """
        while len(self._unconfirmed) >= self.window or not self.alive:
            self._check_alive()
            self.room.clear()
            await self.room.wait()
        answer: asyncio.Future[None] = self._loop.create_future()
        self._publish(topic, body, retain=retain, answer=answer)
        await answer

    def _publish(
        self, topic: str, body: bytes, *, retain: bool, answer: asyncio.Future[None] | None
    ) -> None:
        self._check_alive()
        info = self._client.publish(topic, body, 1, retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnavailable("the connection has ended")
        self._unconfirmed[info.mid] = answer

    def _check_alive(self) -> None:
        if not self.alive:
            raise BrokerUnavailable("the connection has ended")

    def disconnect(self) -> None:
        """Disconnect; the session stays with the broker."""
        if self.alive:
            self._client.disconnect()
            self._client.loop_write()
        self.close()

    def close(self) -> None:
        """Close the connection, without DISCONNECT unless it was sent."""
        self._end("closed")
        if self._socket is not None:
            self._socket_closed(self._client, None, self._socket)
        if (socket := self._client.socket()) is not None:
            socket.close()

    def _end(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
        for answer in self._unconfirmed.values():
            if answer is not None and not answer.done():
                answer.set_exception(BrokerUnavailable(reason))
        self._unconfirmed.clear()
        self.room.set()
        self.arrived.set()

    # from the loop

    def _readable(self) -> None:
        client = self._client
        for _ in range(_PACKETS_A_TURN):
            before = self._progress
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or not self.alive:
                return
            if self._bytes >= self._settings.buffer_bytes:
                self._loop.remove_reader(self._socket)
                self._reading = False
                return
            if self._progress == before:
                break
        encrypted = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if client.has_read_ahead or encrypted:
            # read already: the socket itself may never become readable again
            self._loop.call_soon(self._read_pending)

    def _read_pending(self) -> None:
        if self.alive and self._reading:
            self._readable()

    def _read_on(self) -> None:
        if self._socket is not None:
            self._reading = True
            self._loop.add_reader(self._socket, self._readable)
            self._loop.call_soon(self._read_pending)

    def _schedule_misc(self) -> None:
        if self.alive:
            self._client.loop_misc()
            self._loop.call_later(1.0, self._schedule_misc)

    # from paho, in the loop

    def _want_write(self, _client: Client, _userdata: Any, socket: Any) -> None:
        self._loop.add_writer(socket, self._client.loop_write)

    def _want_no_write(self, _client: Client, _userdata: Any, socket: Any) -> None:
        self._loop.remove_writer(socket)

    def _socket_closed(self, _client: Client, _userdata: Any, socket: Any) -> None:
        if self._socket is not None:
            self._loop.remove_reader(socket)
            self._loop.remove_writer(socket)
        self._socket = None
        self._reading = False

    def _connected(
        self,
        client: Client,
        _userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._answered.done():
            return
        if reason.is_failure:
            self._answered.set_exception(BrokerUnavailable(f"the broker refuses us: {reason}"))
            return
        most = getattr(properties, "ReceiveMaximum", None)
        if most is not None:
            self.window = min(most, _MAX_WINDOW)
        elif self._settings.protocol == 5:
            self.window = _MAX_WINDOW  # 65,535 where it says nothing (MQTT 5, 3.2.2.3.3)
        self.resumed = flags.session_present
        client.subscribe([(of_all_devices(name), 1) for name in UP])
        log.info(
            "bridge.connected",
            session=flags.session_present,
            window=self.window,
            share=self._share.number,
            shares=self._share.of,
        )
        self._answered.set_result(None)

    def _disconnected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._end(str(reason))

    def _message(self, topic: str, payload: bytes, mid: int, qos: int, retained: bool) -> None:
        self._progress += 1
        if not qos and len(self._inbox) >= self._settings.receive_maximum:
            return  # counters that come again, and nothing holds them back
        if not self._share.has(topic):
            if qos:
                self._inbox.append(Received(topic, b"", mid, qos, retained, True))
                self.arrived.set()
            return
        self._inbox.append(Received(topic, payload, mid, qos, retained))
        self._bytes += len(payload)
        self.arrived.set()

    def _published(self, mid: int, rejected: int | None) -> None:
        self._progress += 1
        answer = self._unconfirmed.pop(mid, None)
        if answer is not None and not answer.done():
            if rejected is not None:
                answer.set_exception(PermissionError(f"the broker refuses it: {rejected:#x}"))
            else:
                answer.set_result(None)
        self.room.set()
