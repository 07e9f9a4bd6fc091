"""One MQTT connection to the broker; a lost one is discarded with paho's whole client.

The outbox knows what has to be sent, so paho's own queue of unsent messages is not wanted after a
reconnect: it would send them a second time.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lineal_edge.provisioning import certificate_problems
from lineal_edge.settings import Broker
from lineal_schemas.errors import LinealError

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_SESSION_SECONDS = 86_400
"""How long the broker keeps acknowledgements and jobs for a device that is away. Must be more than
the will's delay: a session that ends sends the will at once (MQTT 5, 3.1.3.2.2)."""

_NO_REASON = "Unspecified error"
"""What paho says where the other side only closed the connection."""

_BESIDES = 4
"""Messages in flight that are kept free of readings, for births, the last message and events."""


class BrokerRejected(LinealError, ConnectionError):
    """The broker does not let us in, or did not answer."""


class NotConnected(LinealError, ConnectionError):
    """The connection is gone."""


class _Client(Client):
    """Says when its network thread has ended, also by an error inside paho."""

    ended: Callable[[], None]

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception:
            log.exception("the network thread has failed")
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.ended()


class Connection:
    """Opens in the constructor.

    Raises:
        OSError: there is no way to the broker (BrokerRejected among them), TLS does not agree, or a
            certificate cannot be read.
    """

    def __init__(
        self,
        client_id: str,
        broker: Broker,
        *,
        in_flight: int,
        will: tuple[str, bytes],
        subscriptions: Sequence[str],
        on_message: Callable[[str, bytes], None],
        on_change: Callable[[], None],
    ) -> None:
        """``will`` is a topic and its payload, ``on_message`` and ``on_change`` (a confirmation,
        a lost connection) are called on paho's thread."""
        self.window = in_flight
        """Messages the broker takes before it wants to confirm one, less a few for events."""
        self.largest_message: int | None = None
        """Bytes of a packet the broker takes; None where it names no limit."""
        self._on_message = on_message
        self._on_change = on_change
        self._subscriptions = list(subscriptions)
        self._answered = threading.Event()
        self._rejection: str | None = None
        self._connected = False
        self._problems = partial(_certificate_problems, client_id, broker)
        try:
            self._client = self._make_client(client_id, broker, in_flight, will)
            self._connect(broker)
        except OSError as error:
            if problems := self._problems():
                raise BrokerRejected(f"{problems} ({error})") from error
            raise

    def _make_client(
        self, client_id: str, broker: Broker, in_flight: int, will: tuple[str, bytes]
    ) -> _Client:
        newest = broker.protocol == 5
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if newest else False,
            protocol=MQTTv5 if newest else MQTTv311,
            reconnect_on_failure=False,
        )
        client.ended = self._ended
        client.connect_timeout = _CONNECT_SECONDS
        client.max_inflight_messages_set(in_flight + _BESIDES)
        delay = None
        if newest:
            delay = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            delay.WillDelayInterval = broker.will_delay
        client.will_set(*will, qos=1, retain=True, properties=delay)
        if broker.tls is not None:
            client.tls_set(str(broker.tls.ca), str(broker.tls.certificate), str(broker.tls.key))
        client.on_connect = self._connected_or_not
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_publish = lambda *_: self._on_change()
        return client

    def _connect(self, broker: Broker) -> None:
        try:
            self._open(broker)
        except BaseException:
            self._client.loop_stop()
            raise

    def _open(self, broker: Broker) -> None:
        if broker.protocol == 5:
            session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            session.SessionExpiryInterval = max(_SESSION_SECONDS, 2 * broker.will_delay)
            self._client.connect(
                broker.host, broker.port, broker.keepalive, clean_start=False, properties=session
            )
        else:
            self._client.connect(broker.host, broker.port, broker.keepalive)
        self._client.loop_start()
        if not self._answered.wait(_CONNECT_SECONDS):
            raise BrokerRejected("the broker does not answer")
        if self._rejection is not None:
            raise BrokerRejected(self._rejection)

    @property
    def alive(self) -> bool:
        return self._connected

    def publish(self, topic: str, body: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand a message to the network.

        Raises:
            NotConnected: there is none any more.
        """
        if not self._connected:
            raise NotConnected("the connection is gone")
        if self._client.publish(topic, body, qos, retain).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise NotConnected("the connection is gone")

    def close(self, goodbye: tuple[str, bytes] | None = None, seconds: float = 2.0) -> None:
        """End it; ``goodbye``, a topic and a retained payload, takes the place of the will."""
        if goodbye is not None and self._connected:
            try:
                sent = self._client.publish(*goodbye, qos=1, retain=True)
                sent.wait_for_publish(seconds)
                self._client.disconnect()
            except (ValueError, RuntimeError) as error:
                log.info("no goodbye: %s", error)
        elif (transport := self._client.socket()) is not None:
            # without a word, so that the will stands
            with contextlib.suppress(OSError):
                cast("socket.socket", transport).shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        self._connected = False

    def _connected_or_not(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._rejection = _why(reason)
        else:
            most = getattr(properties, "ReceiveMaximum", None)
            if most is not None:
                self.window = max(1, min(self.window, most - _BESIDES))
            self.largest_message = getattr(properties, "MaximumPacketSize", None)
            if self._subscriptions:
                client.subscribe([(topic, 1) for topic in self._subscriptions])
            self._connected = True
        self._answered.set()

    def _disconnected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected:
            log.info("disconnected: %s", _why(reason))
            if reason.is_failure and (problems := self._problems()):
                log.warning("%s", problems)
        elif self._rejection is None:
            self._rejection = _why(reason)
        self._connected = False
        self._answered.set()
        self._on_change()

    def _ended(self) -> None:
        self._connected = False
        self._rejection = self._rejection or "the connection has ended"
        self._answered.set()
        self._on_change()

    def _message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))


def _certificate_problems(device: str, broker: Broker) -> str:
    """In one line; empty where there are none."""
    return "" if broker.tls is None else "; ".join(certificate_problems(device, broker.tls))


def _why(reason: ReasonCode) -> str:
    """A reason that a broker gave, or what it may have been where it only hung up."""
    if reason.getName() != _NO_REASON:
        return str(reason)
    return (
        "the broker ended the connection without saying why (a certificate that was revoked, or "
        "that another authority signed; another agent with this device's key; or it speaks TLS, "
        "and there is no [broker.tls])"
    )
