"""The broker's configuration for Compose, tried with a real mosquitto: who may say what."""

from __future__ import annotations

import asyncio
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lineal_local.availability import Unavailable, find_program
from lineal_local.ports import accepts, free_port
from lineal_schemas import mqtt_topics
from tests.services.missing import skipped_when_unavailable

DOCKER = Path(__file__).resolve().parents[2] / "infra" / "docker"
_PATIENCE_SECONDS = 180.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A broker with the committed files, only its folders being others."""
    with skipped_when_unavailable():
        programs = [find_program(name) for name in ("mosquitto", "mosquitto_passwd")]
        if None in programs:
            raise Unavailable("mosquitto", "install it (Debian, Ubuntu: apt install mosquitto)")
    broker, passwd = programs
    for option, user in (("-c", "bridge"), (None, "pump-1")):
        flags = ["-b"] if option is None else ["-b", option]
        file = tmp_path / "passwords"
        subprocess.run([str(passwd), *flags, str(file), user, "secret"], check=True)
    free = free_port()
    settings = (
        (DOCKER / "mosquitto.conf")
        .read_text()
        .replace("listener 1883", f"listener {free} 127.0.0.1\nuser {getpass.getuser()}")
        .replace("/run/mosquitto/", f"{tmp_path}/")
        .replace("/mosquitto/config/acl", str(DOCKER / "mosquitto.acl"))
        .replace("/mosquitto/data/", f"{tmp_path}/")
    )
    (tmp_path / "mosquitto.conf").write_text(settings)
    with subprocess.Popen(
        [str(broker), "-c", tmp_path / "mosquitto.conf"], stdout=subprocess.DEVNULL
    ) as process:
        while not accepts(free):
            assert process.poll() is None, "mosquitto refused its configuration"
        yield free
        process.terminate()


class Client:
    """A client that notes what reaches it, and what the broker says to what it sends."""

    def __init__(self, port: int, user: str | None, password: str = "secret") -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if user is not None:
            self.client.username_pw_set(user, password)
        self.connected: ReasonCode | None = None
        self.answers: dict[int, ReasonCode] = {}
        self.received: list[str] = []
        self.client.on_connect = self._on_connect
        self.client.on_publish = self._on_publish
        self.client.on_message = lambda _c, _u, message: self.received.append(message.topic)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_connect(
        self, _c: object, _u: object, _f: object, code: ReasonCode, _p: Properties | None
    ) -> None:
        self.connected = code

    def _on_publish(
        self, _c: object, _u: object, number: int, code: ReasonCode, _p: Properties
    ) -> None:
        self.answers[number] = code

    async def ready(self) -> ReasonCode:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while self.connected is None:
                await asyncio.sleep(0.01)
        return self.connected

    async def may_send(self, topic: str) -> bool:
        """Whether the broker takes a message on a topic; MQTT 5 says so in its answer."""
        number = self.client.publish(topic, b"{}", qos=1).mid
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while number not in self.answers:
                await asyncio.sleep(0.01)
        return not self.answers[number].is_failure

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.parametrize(("user", "password"), [(None, ""), ("pump-1", "wrong"), ("x", "secret")])
async def test_strangers_are_kept_out(port: int, user: str | None, password: str) -> None:
    stranger = Client(port, user, password)
    assert (await stranger.ready()).is_failure
    stranger.close()


async def test_a_device_speaks_for_itself_only(port: int) -> None:
    pump, bridge = Client(port, "pump-1"), Client(port, "bridge")
    assert not (await pump.ready()).is_failure
    assert not (await bridge.ready()).is_failure
    for name in mqtt_topics.UP:
        assert await pump.may_send(mqtt_topics.device_topic("pump-1", name))
        assert not await pump.may_send(mqtt_topics.device_topic("pump-2", name))
    for name in mqtt_topics.DOWN:
        topic = mqtt_topics.device_topic("pump-1", name)
        assert not await pump.may_send(topic)
        pump.client.subscribe(topic, qos=1)
        pump.client.subscribe(mqtt_topics.device_topic("pump-2", name), qos=1)
    for device in ("pump-2", "pump-1"):  # the other one's first: it would be here before ours
        for name in mqtt_topics.DOWN:
            assert await bridge.may_send(mqtt_topics.device_topic(device, name))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while len(pump.received) < len(mqtt_topics.DOWN):
            await asyncio.sleep(0.01)
    wanted = [mqtt_topics.device_topic("pump-1", name) for name in mqtt_topics.DOWN]
    assert sorted(pump.received) == sorted(wanted)
    pump.close()
    bridge.close()
