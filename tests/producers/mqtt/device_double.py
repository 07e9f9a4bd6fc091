"""A device double: a bare MQTT client that says what it is told to, and notes what it hears."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from lineal_local.certificates import Certificate
from lineal_schemas import mqtt_topics
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.telemetry import TelemetryAck


class DeviceDouble:
    """Connected from the constructor on until :meth:`close`."""

    def __init__(
        self,
        port: int,
        name: str = "pump-1",
        *,
        identity: Certificate | None = None,
        ca: Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.name = name
        self.acks: list[TelemetryAck] = []
        self.received: queue.Queue[MQTTMessage] = queue.Queue()
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5)
        self._client.max_inflight_messages_set(0)
        if identity is not None:
            self._client.tls_set(str(ca), str(identity.certificate), str(identity.key))
        self._client.on_message = self._message
        subscribed = threading.Event()
        # anew after every connection: a session without expiry ends with it
        down = [(mqtt_topics.device_topic(name, one), 1) for one in mqtt_topics.DOWN]
        self._client.on_connect = lambda client, *_: client.subscribe(down)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(host, port)
        self._client.loop_start()
        assert subscribed.wait(180)

    def say(self, body: Payload | bytes, name: str = "readings", *, retain: bool = False) -> None:
        """On a topic of its own."""
        self.say_on(mqtt_topics.device_topic(self.name, name), body, retain=retain)

    def say_on(self, topic: str, body: Payload | bytes, *, retain: bool = False) -> None:
        """On any topic."""
        self.send_on(topic, body, retain=retain).wait_for_publish(20)

    def send_on(
        self, topic: str, body: Payload | bytes, *, retain: bool = False
    ) -> MQTTMessageInfo:
        """On any topic, without waiting for the broker."""
        data = body if isinstance(body, bytes) else payload_bytes(body)
        return self._client.publish(topic, data, 1, retain)

    def say_all(self, bodies: Sequence[Payload], name: str = "readings") -> None:
        """One after the other, without waiting for the broker in between."""
        topic = mqtt_topics.device_topic(self.name, name)
        for info in [self._client.publish(topic, payload_bytes(body), 1) for body in bodies]:
            info.wait_for_publish(20)

    def wait_for_ack(self, upto_seq: int, upto_event: int = 0) -> TelemetryAck:
        """The first acknowledgement that reaches these numbers."""

        def reached() -> TelemetryAck | None:
            return next(
                (a for a in self.acks if a.upto_seq >= upto_seq and a.upto_event >= upto_event),
                None,
            )

        with self._changed:
            assert self._changed.wait_for(reached, 180), f"acknowledged: {self.acks[-3:]}"
        found = reached()
        assert found is not None
        return found

    def wait_for_resend(self) -> TelemetryAck:
        """The first request to send again."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(a.resend for a in self.acks), 180)
        return next(ack for ack in self.acks if ack.resend)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> DeviceDouble:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.topic == mqtt_topics.ack(self.name):
            with self._changed:
                self.acks.append(TelemetryAck.model_validate_json(message.payload))
                self._changed.notify_all()
        else:
            self.received.put(message)
