"""A stand-in for the bridge: takes what devices send over a real broker, and acknowledges it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from lineal_schemas import mqtt_topics
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceEvent,
    DeviceHealth,
    TelemetryAck,
    TelemetryGap,
    TelemetryReadings,
    parse_device_state,
    parse_stream_message,
)

Boot = tuple[str, str]
"""Device and boot."""


class Listener:
    """Checks the order of every device's stream as it comes in, and takes nothing behind a hole,
    as the bridge does."""

    def __init__(self, port: int, *, acknowledging: bool = True) -> None:
        """Returns once the broker passes on what is sent: what is published before that would
        be lost on the way."""
        self.values: dict[Boot, dict[int, tuple[float | None, ...]]] = defaultdict(dict)
        self.lost: dict[Boot, dict[int, str]] = defaultdict(dict)
        self.events: dict[Boot, dict[int, DeviceEvent]] = defaultdict(dict)
        self.upto: dict[Boot, int] = defaultdict(int)
        self.states: list[DeviceBirth | DeviceDeath] = []
        self.health: list[DeviceHealth] = []
        self.batches: list[TelemetryReadings] = []
        self.holes: list[str] = []
        self.acknowledging = acknowledging
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self.port = port
        self._client = self._connect()
        assert self._subscribed.wait(180), "the broker has confirmed no subscription"

    def _connect(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, "listener", protocol=MQTTv5)
        client.on_connect = lambda client, *_: client.subscribe(
            [(mqtt_topics.of_all_devices(name), 1) for name in mqtt_topics.UP]
        )
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._take
        client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, topic: str, body: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, body, qos=1, retain=retain).wait_for_publish(10)

    def wait(self, condition: Callable[[], Any], seconds: float = 180) -> None:
        """Until the condition holds; fails the test when it never does."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), "it never came"

    def received(self, boot: Boot) -> int:
        """Readings of a boot that are there or accounted for."""
        return len(self.values[boot]) + len(self.lost[boot])

    def acknowledge(self, boot: Boot, *, resend: bool = False) -> None:
        device, boot_id = boot
        ack = TelemetryAck(
            device=device,
            boot_id=boot_id,
            upto_seq=self.upto[boot],
            upto_event=max(self.events[boot], default=0),
            resend=resend,
        )
        self._client.publish(mqtt_topics.ack(device), payload_bytes(ack), qos=1)

    def _take(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        topic = mqtt_topics.parse(message.topic)
        assert topic is not None
        with self._changed:
            if topic.name == "readings":
                self._take_stream(parse_stream_message(bytes(message.payload)))
            elif topic.name == "status" and message.payload:
                self.states.append(parse_device_state(bytes(message.payload)))
            elif topic.name == "health":
                self.health.append(DeviceHealth.model_validate_json(message.payload))
            elif topic.name in ("events", "jobs/update"):
                event = DeviceEvent.model_validate_json(message.payload)
                self.events[event.device, event.boot_id][event.event_seq] = event
                if self.acknowledging:
                    self.acknowledge((event.device, event.boot_id))
            self._changed.notify_all()

    def _take_stream(self, message: TelemetryReadings | TelemetryGap) -> None:
        boot = (message.device, message.boot_id)
        expected = self.upto[boot] + 1
        if message.first_seq > expected:
            self.holes.append(f"{expected} to {message.first_seq - 1} of {boot}")
            if self.acknowledging:
                self.acknowledge(boot, resend=True)
            return
        if isinstance(message, TelemetryReadings):
            self.batches.append(message)
        for seq in range(max(expected, message.first_seq), message.last_seq + 1):
            if isinstance(message, TelemetryGap):
                self.lost[boot][seq] = message.reason
            else:
                self.values[boot][seq] = message.values[seq - message.first_seq]
        self.upto[boot] = max(self.upto[boot], message.last_seq)
        if self.acknowledging:
            self.acknowledge(boot)
