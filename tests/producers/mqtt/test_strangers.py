"""What a stranger tries with a client of their own: a device's certificate, and no good will."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lineal_local.mosquitto import Mosquitto
from lineal_schemas import mqtt_topics
from lineal_schemas.payload import payload_bytes
from tests.producers.mqtt.conftest import ACCESS, QUEUES
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import anomaly, birth, death, readings, wrapped
from tests.producers.mqtt.system import BridgeProcess
from tests.services.missing import skipped_when_unavailable


def device(broker: Mosquitto, name: str = "pump-1") -> DeviceDouble:
    return DeviceDouble(
        broker.tls_port, name, identity=broker.client(name), ca=broker.ca_file, host="localhost"
    )


@contextmanager
def stranger(
    broker: Mosquitto, client_id: str, *, will: tuple[str, bytes] | None = None
) -> Iterator[Client]:
    """A bare client with the certificate of ``pump-1``, connected."""
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
    identity = broker.client("pump-1")
    client.tls_set(str(broker.ca_file), str(identity.certificate), str(identity.key))
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    if will is not None:
        client.will_set(*will, qos=1)
    client.connect("localhost", broker.tls_port)
    client.loop_start()
    try:
        assert connected.wait(180)
        yield client
    finally:
        client.loop_stop()


def test_a_will_for_another_device_is_never_said(broker: Mosquitto, bridge: BridgeProcess) -> None:
    """Neither while it lives nor when its connection breaks: the broker speaks with its rights."""
    bridge.start()
    forged = payload_bytes(birth(device="pump-2"))
    topic = mqtt_topics.device_topic("pump-2", "status")
    with stranger(broker, "pump-1", will=(topic, forged)) as client:
        connection = client.socket()
        assert connection is not None
        connection.close()  # without a farewell
    with device(broker, "pump-2") as pump:
        pump.say(readings(1, 5, device="pump-2"))
        pump.wait_for_ack(5)
    assert bridge.count("device.birth") == 0


def test_a_departure_is_said_by_the_device_that_leaves_alone(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    """Another one may know its boot and session, and may say so in every way that MQTT has: at
    once, retained, as its last will, on its own topic, or by putting the connection off."""
    bridge.start()
    topic = mqtt_topics.device_topic("pump-2", "status")
    own = mqtt_topics.device_topic("pump-1", "status")
    forged = payload_bytes(death(device="pump-2"))
    with device(broker, "pump-2") as pump:
        pump.say(birth(device="pump-2"), "status", retain=True)
        with stranger(broker, "pump-2", will=(topic, forged)) as client:
            if (connection := client.socket()) is not None:
                connection.close()  # without a farewell
        for on, retain in itertools.product((topic, own), (False, True)):
            # a connection for each: a broker may end that on which it refuses something
            with stranger(broker, "pump-2") as client:
                client.publish(on, forged, 1, retain).wait_for_publish(20)
        pump.say(readings(1, 5, device="pump-2"))
        pump.wait_for_ack(5)
    bridge.until(lambda: bridge.count("dead.bridge"))
    with device(broker) as other:
        other.say(readings(1, 5))
        other.wait_for_ack(5)
    assert bridge.count("device.birth") == 1
    assert bridge.count("device.death") == 0


def test_a_retained_message_of_another_device_is_refused_at_each_start(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    with device(broker) as thief:
        thief.say(birth(device="pump-2"), "status", retain=True)
    bridge.start()
    with device(broker, "pump-2") as pump:
        pump.say(readings(1, 5, device="pump-2"))
        pump.wait_for_ack(5)
    bridge.until(lambda: bridge.count("dead.bridge"))
    assert bridge.count("device.birth") == 0


@pytest.mark.parametrize(
    "wish",
    ["lineal/v1/#", "$share/g/lineal/v1/#", "$share/lineal/lineal/v1/+/readings", "#", "+/+/+/+"],
)
def test_no_subscription_hears_what_others_say(
    broker: Mosquitto, bridge: BridgeProcess, wish: str
) -> None:
    """Nor takes it from the bridge by joining in its share."""
    bridge.start()
    heard: list[MQTTMessage] = []
    with stranger(broker, "pump-1") as spy:
        answered = threading.Event()
        spy.on_message = lambda _client, _data, message: heard.append(message)
        spy.on_subscribe = lambda *_: answered.set()
        spy.subscribe(wish, 1)
        assert answered.wait(180)
        with device(broker, "pump-2") as pump:
            for first in range(1, 50, 5):
                pump.say(readings(first, first + 4, device="pump-2"))
            pump.wait_for_ack(50)
    assert heard == []
    assert bridge.stream("pump-2")[-1][1] == 50


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """With the session of the certificate, as the delivered settings have it."""
    with (
        skipped_when_unavailable(),
        Mosquitto(
            access=ACCESS.read_text(),
            settings=QUEUES,
            tls_settings=["use_username_as_clientid true"],
        ) as broker,
    ):
        yield broker


@pytest.mark.parametrize("name", ["bridge", "lineal-bridge", "pump-2"])
def test_the_client_id_of_another_puts_nobody_off(
    broker: Mosquitto, bridge: BridgeProcess, name: str
) -> None:
    bridge.start()
    with device(broker, "pump-2") as pump:
        for _ in range(3):
            with stranger(broker, name):
                pass
        pump.say(readings(1, 5, device="pump-2"))
        pump.wait_for_ack(5)
    assert bridge.running


def test_properties_of_a_message_name_no_actor(broker: Mosquitto, bridge: BridgeProcess) -> None:
    """Nor do as many as these keep it from being handled: it would take one of the broker's places
    for good."""
    bridge.start()
    said: Any = Properties(PacketTypes.PUBLISH)
    said.UserProperty = [
        ("ce_actor", "user:root"), ("ce_source", "lineal:stage/detect"), ("ce_id", "forged"),
        ("ce_type", "model.promoted"), ("ce_mark", "x:y"), ("actor", "user:root"),
        ("ce_causationid", "of-another"), ("ce_correlationid", "device:pump-2"),
    ]  # fmt: skip
    said.ContentType = "application/cloudevents+json"
    topic = mqtt_topics.device_topic("pump-1", "events")
    with device(broker) as pump:
        info = pump._client.publish(topic, payload_bytes(wrapped(anomaly())), 1, properties=said)
        info.wait_for_publish(180)
        pump.wait_for_ack(0, upto_event=1)
    assert bridge.ids("anomaly.opened") == [wrapped(anomaly()).event_id]
    assert bridge.count("model.promoted") == 0
    rows: list[Any] = bridge._ask(
        "SELECT DISTINCT actor, source, causationid, correlationid FROM events "
        "WHERE type = 'anomaly.opened'"
    )
    assert rows == [("device:pump-1", "device:pump-1", None, "device:pump-1")]


def test_without_a_certificate_nobody_connects(broker: Mosquitto) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "pump-1", protocol=MQTTv5)
    client.tls_set_context(ssl.create_default_context(cafile=str(broker.ca_file)))
    taken: list[Any] = []
    ended = threading.Event()
    client.on_connect = lambda _client, _data, _flags, code, _properties: taken.append(code)
    client.on_disconnect = lambda *_: ended.set()
    client.on_connect_fail = lambda *_: ended.set()
    try:
        client.connect("localhost", broker.tls_port)
        client.loop_start()
        assert ended.wait(180)
    except ssl.SSLError:
        pass
    finally:
        client.loop_stop()
    assert all(code.is_failure for code in taken)
