"""The local mosquitto is a real one: client certificates, access rules, sessions on disk."""

from __future__ import annotations

import queue
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from lineal_local.mosquitto import Mosquitto
from lineal_producers.mqtt.access import listener


class Connected:
    """A client whose network loop runs, and what it has received."""

    def __init__(self, broker: Mosquitto, user: str | None, identity: str) -> None:
        self.received: queue.Queue[MQTTMessage] = queue.Queue()
        self._acknowledged: queue.Queue[int] = queue.Queue()
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=identity, protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.on_message = lambda *given: self.received.put(given[-1])
        self.client.on_subscribe = lambda *given: self._acknowledged.put(given[2])
        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 600
        port = broker.port
        if user is not None:
            files = broker.client(user)
            self.client.tls_set(str(broker.ca_file), str(files.certificate), str(files.key))
            port = broker.tls_port
        self.client.connect("localhost", port, clean_start=False, properties=kept)
        self.client.loop_start()

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, options=SubscribeOptions(qos=1))
        self._acknowledged.get(timeout=180)

    def publish(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, qos=1).wait_for_publish(timeout=180)


@contextmanager
def connected(
    broker: Mosquitto, user: str | None = None, identity: str | None = None
) -> Iterator[Connected]:
    opened = Connected(broker, user, identity or uuid.uuid4().hex)
    try:
        yield opened
    finally:
        opened.client.disconnect()
        opened.client.loop_stop()


def test_a_device_with_a_certificate_reaches_its_own_topics_only(mosquitto: Mosquitto) -> None:
    with connected(mosquitto, "bridge") as bridge, connected(mosquitto, "pump-1") as pump:
        bridge.subscribe("devices/#")
        pump.publish("devices/pump-2/readings", b"not its own")
        pump.publish("devices/pump-1/readings", b"its own")
        message = bridge.received.get(timeout=180)

    assert (message.topic, message.payload) == ("devices/pump-1/readings", b"its own")


def test_a_client_cannot_put_another_off_by_its_client_id() -> None:
    """As lineal writes mosquitto's settings: the session is that of the certificate."""
    setting = "use_username_as_clientid true"
    assert setting in listener(Path("/etc/mosquitto"), Path("/var/lib/mosquitto"), 8883)
    with (
        Mosquitto(tls_settings=[setting]) as broker,
        connected(broker, "bridge", "lineal-bridge") as bridge,
    ):
        bridge.subscribe("devices/#")
        for claimed in ("lineal-bridge", "bridge"):
            with connected(broker, "pump-1", claimed) as pump:
                pump.publish("devices/pump-1/readings", claimed.encode())
                assert bridge.received.get(timeout=180).payload == claimed.encode()


def test_without_a_certificate_nobody_is_let_in(mosquitto: Mosquitto) -> None:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(str(mosquitto.ca_file))
    refused: queue.Queue[object] = queue.Queue()
    client.on_connect = lambda *given: refused.put("let in")
    client.on_disconnect = lambda *given: refused.put("refused")
    try:
        # TLS 1.3 tells the client of it only after its own side of the handshake is done
        client.connect("localhost", mosquitto.tls_port)
        client.loop_start()
        assert refused.get(timeout=180) == "refused"
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("orderly", [True, False])
def test_an_absent_subscribers_messages_outlive_a_restart_if_saved(
    mosquitto: Mosquitto, orderly: bool
) -> None:
    topic, identity = f"local/{uuid.uuid4().hex}", uuid.uuid4().hex
    with connected(mosquitto, identity=identity) as subscriber:
        subscriber.subscribe(topic)
    with connected(mosquitto) as publisher:
        publisher.publish(topic, b"while away")

    if orderly:
        mosquitto.shut_down()
    else:
        mosquitto.kill()
    mosquitto.restart()

    with connected(mosquitto, identity=identity) as subscriber:
        if orderly:
            assert subscriber.received.get(timeout=180).payload == b"while away"
        else:
            # acknowledged to the publisher and lost: why PUBACK is not durability (notes of
            # the bridge); the session itself is gone as well
            subscriber.subscribe(topic)
            subscriber.publish(topic, b"after")
            assert subscriber.received.get(timeout=180).payload == b"after"
