"""Takes messages from a broker that keeps them until what was made of them is on the disk."""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import Field, model_validator

from lineal_edge.sources.settings import ChannelSettings
from lineal_edge.sources.source import Sample, SourceCounts

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_RECEIVE_MAXIMUM = 20
"""Messages on their way that are not acknowledged."""
_KNOWN = 2 * _RECEIVE_MAXIMUM
_SESSION_SECONDS = 7 * 86_400
"""How long the broker keeps messages while the agent is away."""


class MqttSettings(ChannelSettings):
    """Of a broker of somebody else."""

    host: str
    port: Annotated[int, Field(gt=0, lt=65536)] = 1883
    protocol: Annotated[int, Field(ge=4, le=5)] = 5
    """5, or 4 for brokers that know MQTT 3.1.1 only."""
    client_id: str | None = None
    """Under which the broker keeps messages; none: made of the device's name."""
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    """The authority of the broker's certificate (PEM): TLS."""
    certificate: Path | None = None
    key: Path | None = None
    """Of ours (PEM), for brokers that want one."""

    @model_validator(mode="after")
    def _what_belongs_together(self) -> MqttSettings:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file go together")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.certificate is not None and self.ca is None:
            raise ValueError("a certificate is shown over TLS: name the broker's ca")
        return self


class Message(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes
    mid: int
    """The packet's number; 0 for one that the broker does not send again."""
    repeated: bool
    """The broker has sent it before."""
    connection: int
    """Which connection it came by: it can be acknowledged by no other."""


class _Acknowledgements:
    """Which messages can be acknowledged: those of which all samples are on the disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, Message]] = deque()
        self._committed = 0

    def add(self, number: int, message: Message) -> list[Message]:
        """A message that is done with once sample-giving message ``number`` is committed; those
        that can be acknowledged now."""
        with self._lock:
            self._waiting.append((number, message))
            return self._done()

    def committed(self, number: int) -> list[Message]:
        with self._lock:
            self._committed = max(self._committed, number)
            return self._done()

    def _done(self) -> list[Message]:
        found = []
        while self._waiting and self._waiting[0][0] <= self._committed:
            found.append(self._waiting.popleft()[1])
        return found


class Decoded(NamedTuple):
    """What is measured at one moment."""

    values: tuple[float, ...]
    wall_us: int | None


class MqttInbox:
    """Messages of a persistent session, at least once from the broker and once from here.

    A message is acknowledged when the samples made of it are committed. What the broker sends again
    has its number again (MQTT 5, 4.4): by that and a digest of its bytes, which every position
    holds, it is known, also after a kill.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        topics: Sequence[str],
        *,
        will: tuple[str, bytes] | None = None,
        on_connect: Callable[[MqttInbox], None] | None = None,
    ) -> None:
        """``will``: topic and payload that the broker publishes, retained, when we are lost;
        ``on_connect``: called on paho's thread once the topics are subscribed."""
        self.counts = SourceCounts()
        self._settings = settings
        self._topics = list(topics)
        self._on_connect = on_connect
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._acknowledgements = _Acknowledgements()
        self.connected = False
        """Whether the topics are subscribed."""
        self._connection = 0
        self._complaint = ""
        self._number = 0
        self._known: deque[list[Any]] = deque(maxlen=_KNOWN)
        newest = settings.protocol == 5
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            settings.client_id or client_id,
            clean_session=None if newest else False,
            protocol=MQTTv5 if newest else MQTTv311,
            manual_ack=True,
        )
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._not_connected
        self._client.on_message = self._received
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = self._disconnected
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        if settings.user is not None and settings.password_file is not None:
            password = settings.password_file.read_text(encoding="utf-8").rstrip("\n")
            self._client.username_pw_set(settings.user, password)
        if settings.ca is not None:
            own, key = settings.certificate, settings.key
            self._client.tls_set(
                str(settings.ca),
                certfile=None if own is None else str(own),
                keyfile=None if key is None else str(key),
            )

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Send a message, if there is a connection."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def samples(
        self,
        after: str | None,
        decode: Callable[[Message], Iterable[Decoded]],
        state: Callable[[], Any],
        restore: Callable[[Any], None],
    ) -> Iterator[Sample]:
        """Samples of what ``decode`` makes of messages. ``state`` is what it has to know to go on,
        as JSON values, and ``restore`` gives that back."""
        partly = 0
        if after:
            _, partly, known, kept = json.loads(after)
            self._known.extend(known)
            restore(kept)
        self._start()
        while not self._closed.is_set():
            try:
                message = self._waiting.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            mark = [message.mid, hashlib.sha256(message.payload).hexdigest()[:8]]
            skip = 0
            if message.mid and message.repeated and mark in self._known:
                if not (partly and self._known[-1] == mark):
                    self.counts.duplicates += 1
                    self._acknowledge(self._acknowledgements.add(self._number, message))
                    continue
                skip = partly
            elif message.mid:
                self._known.append(mark)
            partly = 0
            found = list(decode(message))[skip:]
            self._number += bool(found)
            for index, one in enumerate(found, 1):
                # how much of a message is taken, unless it is all
                taken = 0 if index == len(found) else skip + index
                position = json.dumps([self._number, taken, list(self._known), state()])
                yield Sample(one.values, one.wall_us, position)
            self._acknowledge(self._acknowledgements.add(self._number, message))

    def committed(self, position: str) -> None:
        """Acknowledge what is on the disk whole; from another thread."""
        number, taken, *_ = json.loads(position)
        self._acknowledge(self._acknowledgements.committed(number - bool(taken)))

    def close(self) -> None:
        self._closed.set()
        self._client.disconnect()
        self._client.loop_stop()

    def _start(self) -> None:
        properties = None
        clean: dict[str, Any] = {}
        if self._settings.protocol == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = _SESSION_SECONDS
            properties.ReceiveMaximum = _RECEIVE_MAXIMUM
            clean = {"clean_start": False}
        self._client.connect_async(
            self._settings.host, self._settings.port, 30, properties=properties, **clean
        )
        self._client.loop_start()

    def _connected(
        self, client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.error("%s refuses the connection: %s", self._settings.host, reason)
            return
        self.counts.reconnects += self._connection > 0
        self._connection += 1
        log.info("connected to %s:%d", self._settings.host, self._settings.port)
        client.subscribe([(topic, 1) for topic in self._topics])

    def _not_connected(self, *_: Any) -> None:
        # paho calls it while it handles the error, which it gives to nobody
        self._complain(f"cannot be reached: {sys.exc_info()[1]}")

    def _complain(self, text: str) -> None:
        """Once, not with every attempt."""
        if text != self._complaint:
            self._complaint = text
            log.warning("%s %s", self._settings.host, text)

    def _subscribed(self, *_: Any) -> None:
        self.connected = True
        if self._on_connect is not None:
            self._on_connect(self)

    def _disconnected(
        self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if not self.connected and not self._closed.is_set():
            hint = (
                ""
                if self._settings.certificate or self._settings.ca is None
                else ("; does it want a certificate of ours?")
            )
            self._complain(f"has ended the connection at once: {reason}{hint}")
        self.connected = False

    def _received(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        mid = message.mid if message.qos else 0
        self._waiting.put(
            Message(message.topic, bytes(message.payload), mid, bool(message.dup), self._connection)
        )

    def _acknowledge(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.mid and message.connection == self._connection:
                self._client.ack(message.mid, 1)
