"""Devices of others at a real broker: nothing is lost and nothing comes twice, whoever dies."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lineal_edge.sources.json_path import follow_path, parse_path
from lineal_edge.sources.kinds import open_source, read_source
from lineal_edge.sources.mqtt_json import MqttJson
from lineal_local.mosquitto import Mosquitto
from tests.edge.sources.killing import KilledAgent
from tests.edge.sources.sample_reader import Taker
from tests.services.missing import skipped_when_unavailable


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with skipped_when_unavailable(), Mosquitto() as broker:
        yield broker


class Device:
    """A device of somebody else, which publishes at QoS 1."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "somebody")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, content: Any) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def device(broker: Mosquitto) -> Iterator[Device]:
    device = Device(broker.port)
    yield device
    device.close()


def source_of(port: int, name: str, channels: Any, **more: Any) -> MqttJson:
    fields = {"kind": "mqtt", "host": "127.0.0.1", "port": port, "channels": channels, **more}
    source = open_source(read_source({"client_id": name, **fields}), "pump-1")
    assert isinstance(source, MqttJson)
    return source


@pytest.mark.parametrize("protocol", [5, 4])
def test_values_are_found_by_their_paths_and_others_are_held(
    broker: Mosquitto, device: Device, protocol: int
) -> None:
    channels = {
        "pressure": {"topic": "plant/+/state", "path": "$.sensors[0].value", "scale": 0.1},
        "flow": {"topic": "plant/+/state"},
        "level": {"topic": "plant/level", "path": "$"},
    }
    source = source_of(
        broker.port, f"values-{protocol}", channels, time="at", zone="UTC", protocol=protocol
    )
    taker = Taker(source)
    taker.until(lambda: source.connected)
    device.say("plant/7/state", {"at": "2026-11-30T10:00:00Z", "sensors": [{"value": 15}]})
    device.say("plant/7/state", {"at": 1796032801000, "flow": "2,5", "sensors": []})
    device.say("plant/7/state", b"no json")
    device.say("plant/7/state", {"at": "2026-11-30T10:00:02Z", "flow": None, "sensors": None})
    device.say("plant/7/state", {"at": "2026-11-30T10:00:03Z", "flow": True})
    device.say("plant/7/state", {"at": "yesterday", "flow": 2})
    device.say("plant/level", b"4.5")
    device.say("plant/level", b"4,75")
    taker.wait(5)
    first, second, third, level, with_comma = taker.close()
    # what is no more than a number says no time
    assert (level.values[2], with_comma.values[2]) == (4.5, 4.75)
    assert level.wall_us is None
    assert first.values[0] == 1.5 and math.isnan(first.values[1])
    assert second.values[:2] == (1.5, 2.5)
    assert third.values[:2] == (1.5, 1)
    assert [(one.wall_us or 0) - (first.wall_us or 0) for one in (second, third)] == [
        1_000_000,
        3_000_000,
    ]
    assert source.counts.bad_lines == 3


def test_what_is_not_committed_comes_again_and_what_is_does_not(
    broker: Mosquitto, device: Device
) -> None:
    channels = {"n": {"topic": "again", "path": "$"}}
    first = Taker(source_of(broker.port, "again", channels), committing=False)
    first.until(lambda: first.source.connected)
    for number in range(5):
        device.say("again", number)
    first.wait(5)
    position = first.taken[2].position  # on the disk; the broker has not been told
    first.cut()
    second = Taker(source_of(broker.port, "again", channels), position)
    device.say("again", 5)
    second.wait(3)
    assert [one.values[0] for one in second.close()] == [3, 4, 5]
    assert second.source.counts.duplicates == 3


def test_equal_messages_are_as_many_readings(broker: Mosquitto, device: Device) -> None:
    channels = {"n": {"topic": "equal", "path": "$"}}
    taker = Taker(source_of(broker.port, "equal", channels))
    taker.until(lambda: taker.source.connected)
    for _ in range(60):
        device.say("equal", 7)
    taker.wait(60)
    assert len(taker.close()) == 60


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text("abcdef", min_size=1), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_a_path_leads_to_every_value(content: Any) -> None:
    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        yield path, value
        if isinstance(value, list):
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}[{index}]")
        elif isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}")

    for path, value in walk(content, "$"):
        assert follow_path(content, parse_path(path)) == value


@pytest.mark.parametrize("path", ["a[x]", "a..b", "a[", "$.a[*]"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        source_of(9, "x", {"n": {"topic": "t", "path": path}})


def test_a_killed_agent_has_each_message_once(
    tmp_path: Path, broker: Mosquitto, device: Device
) -> None:
    """Killed four times while messages come, also while it is away."""
    agent = KilledAgent(
        tmp_path,
        f'kind = "mqtt"\nhost = "127.0.0.1"\nport = {broker.port}\n'
        'channels.n = { topic = "killed", path = "$.n" }\n',
    )
    with agent:
        agent.until(lambda: "connected to 127.0.0.1" in agent.log())
        device.say("killed", {"n": 0})
        agent.wait(1)
    said = 1
    for _ in range(4):
        for _ in range(30):
            device.say("killed", {"n": said})
            said += 1
        with agent:
            agent.wait(said - 20)
            for _ in range(30):
                device.say("killed", {"n": said})
                said += 1
    with agent:
        agent.wait(said)
    assert agent.values() == [(float(n),) for n in range(said)]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    passwords = tmp_path_factory.mktemp("passwords") / "passwords"
    # as mosquitto_passwd writes it: PBKDF2 with SHA-512, 101 rounds
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", b"secret", salt, 101)
    encoded = [base64.b64encode(part).decode() for part in (salt, digest)]
    passwords.write_text(f"bridge:$7$101${encoded[0]}${encoded[1]}\n")
    passwords.chmod(0o600)
    by_password = [
        "require_certificate false",
        "use_identity_as_username false",
        f"password_file {passwords}",
    ]
    with skipped_when_unavailable(), Mosquitto(tls_settings=by_password) as broker:
        yield broker


class TestLogin:
    """A broker of somebody else that wants TLS and a password, or a certificate."""

    def read(self, broker: Mosquitto, name: str, **more: Any) -> list[float]:
        """Readings of a message that is published over the broker's open listener."""
        channels = {"flow": {"topic": f"login/{name}", "path": "$"}}
        source = open_source(
            read_source(
                {"kind": "mqtt", "host": "localhost", "port": broker.tls_port, "client_id": name,
                 "channels": channels, "ca": broker.ca_file, **more}
            ),
            "pump-1",
        )  # fmt: skip
        assert isinstance(source, MqttJson)
        taker = Taker(source)
        device = Device(broker.port)
        try:
            taker.until(lambda: source.connected)
            device.say(f"login/{name}", 4.5)
            taker.wait(1)
        finally:
            device.close()
            taken = taker.close()
        return [value for sample in taken for value in sample.values]

    def test_a_password_over_tls(self, guarded: Mosquitto, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("secret\n")
        login = {"user": "bridge", "password_file": tmp_path / "password"}
        assert self.read(guarded, "by-password", **login) == [4.5]

    def test_a_certificate(self, broker: Mosquitto) -> None:
        own = broker.client("bridge")
        shown = {"certificate": own.certificate, "key": own.key}
        assert self.read(broker, "by-certificate", **shown) == [4.5]

    @pytest.mark.parametrize("fault", ["password", "authority", "no certificate"])
    def test_why_there_is_no_connection_is_said(
        self,
        guarded: Mosquitto,
        broker: Mosquitto,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        fault: str,
    ) -> None:
        (tmp_path / "password").write_text("guess" if fault == "password" else "secret")
        ca = guarded.ca_file if fault == "password" else broker.ca_file
        to = broker if fault == "no certificate" else guarded
        fields = {
            "kind": "mqtt", "host": "localhost", "port": to.tls_port, "client_id": "refused",
            "channels": {"flow": {"topic": "x"}}, "ca": ca,
            "user": "bridge", "password_file": tmp_path / "password",
        }  # fmt: skip
        source = open_source(read_source(fields), "pump-1")
        taker = Taker(source)
        said = {
            "password": "ot authorized",
            "authority": "certificate verify failed",
            "no certificate": "does it want a certificate",
        }
        taker.until(lambda: said[fault] in caplog.text)
        assert taker.close() == []
