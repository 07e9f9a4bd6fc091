"""A Sparkplug B edge node at a real broker: aliases, missing messages, deaths, and our own."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lineal_edge.sources.kinds import open_source, read_source
from lineal_edge.sources.mqtt_inbox import Message
from lineal_edge.sources.sparkplug import Sparkplug
from lineal_edge.sources.sparkplug_node import NodeState, SparkplugNode
from lineal_edge.sources.sparkplug_payload import BadPayload, Payload, decode, encode
from lineal_local.mosquitto import Mosquitto
from tests.edge.sources.killing import KilledAgent
from tests.edge.sources.sample_reader import Taker, until_true
from tests.services.missing import skipped_when_unavailable

BEGIN_MS = 1_796_000_000_000


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with skipped_when_unavailable(), Mosquitto() as broker:
        yield broker


class EdgeNode:
    """Behaves as the specification says: births with names and aliases, data by alias at QoS 0,
    a rebirth when it is asked for; keeps what it measures while its primary host is away."""

    def __init__(self, port: int, name: str, host_id: str | None = None) -> None:
        self.rebirths = 0
        self._base = "spBv1.0/plant"
        self._name = name
        self._host = f"spBv1.0/STATE/{host_id}"
        self._seq = 0
        self._bd_seq = 3
        self._online = host_id is None
        self._kept: list[tuple[float, int]] = []
        self._last = (0.0, BEGIN_MS)
        self._lock = threading.RLock()
        self._client = Client(CallbackAPIVersion.VERSION2, f"node-{name}")
        self._client.on_message = self._told
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{self._base}/NCMD/{name}", 1), (self._host, 1)]
        )
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        # a rebirth is asked for at QoS 0: who is not subscribed yet never hears of it
        assert subscribed.wait(180)

    def birth(self) -> None:
        with self._lock:
            value, at = self._last
            self._seq = 0
            metrics = [
                ("bdSeq", None, self._bd_seq, at),
                ("Pressure", 1, value, at),
                ("Node Control/Rebirth", 2, False, at),
            ]
            self._publish("NBIRTH", encode(metrics, seq=0, timestamp_ms=at))
            at_birth = [("Flow", 5, -7, BEGIN_MS)]
            self._publish("DBIRTH", encode(at_birth, seq=self._next(), timestamp_ms=at), "pump")

    def measure(self, value: float, second: float, *, lost: bool = False) -> None:
        """A pressure, by its alias; ``lost``: on the way."""
        with self._lock:
            at = BEGIN_MS + round(second * 1000)
            self._last = (value, at)
            if not self._online:
                self._kept.append((value, at))
                return
            payload = encode([(None, 1, value, at)], seq=self._next(), timestamp_ms=at)
            if not lost:
                self._publish("NDATA", payload)

    def flow(self, value: int, second: float) -> None:
        with self._lock:
            at = BEGIN_MS + round(second * 1000)
            # the type, and with it the sign, is in the birth alone
            metrics = [(None, 5, value, at)]
            payload = encode(metrics, seq=self._next(), timestamp_ms=at, typed=False)
            self._publish("DDATA", payload, "pump")

    def device_death(self) -> None:
        self._publish("DDEATH", encode([], seq=self._next(), timestamp_ms=BEGIN_MS), "pump")

    def death(self, bd_seq: int = 3) -> None:
        self._publish("NDEATH", encode([("bdSeq", None, bd_seq, None)]))

    def say(self, kind: str, payload: bytes) -> None:
        self._publish(kind, payload)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _next(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def _publish(self, kind: str, payload: bytes, device: str = "") -> None:
        topic = f"{self._base}/{kind}/{self._name}" + (f"/{device}" if device else "")
        self._client.publish(topic, payload, qos=0)

    def _told(self, _client: Any, _userdata: Any, message: Any) -> None:
        with self._lock:
            if message.topic.startswith("spBv1.0/STATE"):
                self._online = json.loads(message.payload)["online"]
                if not self._online:
                    return
                self.birth()  # as a node does that comes back with its host, before what it kept
                kept, self._kept = self._kept, []
                for value, at in kept:
                    payload = encode([(None, 1, value, at)], seq=self._next(), timestamp_ms=at)
                    self._publish("NDATA", payload)
                return
            [metric] = decode(message.payload).metrics
            if metric.name == "Node Control/Rebirth" and metric.value == 1:
                self.rebirths += 1
                self.birth()


CHANNELS = {
    "pressure": {"metric": "Pressure", "scale": 0.1},
    "flow": {"metric": "Flow", "device": "pump"},
}


@pytest.fixture
def node(broker: Mosquitto, request: pytest.FixtureRequest) -> Iterator[EdgeNode]:
    node = EdgeNode(broker.port, str(abs(hash(request.node.name))))
    yield node
    node.close()


def taker_of(broker: Mosquitto, node: EdgeNode, **more: Any) -> Taker:
    fields = {"kind": "sparkplug", "host": "127.0.0.1", "port": broker.port, "group": "plant"}
    source = open_source(
        read_source({**fields, "node": node._name, "client_id": f"host-{node._name}",
                     "channels": CHANNELS, **more}),
        "pump-1",
    )  # fmt: skip
    assert isinstance(source, Sparkplug)
    taker = Taker(source)
    taker.until(lambda: source.connected)
    return taker


def test_who_was_not_there_asks_for_a_birth_and_reads_by_alias(
    broker: Mosquitto, node: EdgeNode
) -> None:
    taker = taker_of(broker, node)
    taker.wait(2)
    assert node.rebirths == 1
    node.measure(62.5, 1)
    node.flow(-12, 2)
    taker.wait(4)
    taken = taker.close()
    assert taken[1].values == (0, -7)
    assert [one.values for one in taken[2:]] == [(6.25, -7), (6.25, -12)]
    assert [one.wall_us for one in taken[2:]] == [
        (BEGIN_MS + 1000) * 1000,
        (BEGIN_MS + 2000) * 1000,
    ]


def test_a_missing_message_is_noticed_and_a_birth_repeats_nothing(
    broker: Mosquitto, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineal_edge.sources.sparkplug._ASK_SECONDS", 0.0)
    taker = taker_of(broker, node)
    taker.wait(2)
    node.measure(1, 1)
    node.measure(2, 2, lost=True)
    node.measure(3, 3)
    taker.wait(4)
    taker.until(lambda: node.rebirths >= 2)
    node.measure(4, 4)
    taker.wait(5)
    values = [one.values[0] for one in taker.close()]
    assert values[2:] == pytest.approx([0.1, 0.3, 0.4])
    assert taker.source.counts.duplicates >= 2


def test_what_is_dead_has_no_values_and_a_late_death_is_none(
    broker: Mosquitto, node: EdgeNode
) -> None:
    taker = taker_of(broker, node)
    taker.wait(2)
    node.device_death()
    taker.wait(3)
    node.death(bd_seq=2)
    node.death()
    taker.wait(4)
    alive, dead = taker.close()[2:]
    assert alive.values[0] == 0 and math.isnan(alive.values[1])
    assert all(map(math.isnan, dead.values))


def test_garbage_and_what_no_birth_has_named_is_counted(broker: Mosquitto, node: EdgeNode) -> None:
    taker = taker_of(broker, node)
    taker.wait(2)
    node.say("NDATA", b"\xff\xff\xff")
    node.say("NDATA", encode([(None, 99, 1.0, BEGIN_MS)], seq=2))
    node.measure(5, 5)
    taker.wait(3)
    taker.close()
    assert taker.source.counts.bad_lines == 2


def test_a_primary_host_that_is_killed_misses_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    node = EdgeNode(broker.port, "kept", host_id="lineal")
    agent = KilledAgent(
        tmp_path,
        f'kind = "sparkplug"\nhost = "127.0.0.1"\nport = {broker.port}\ngroup = "plant"\n'
        'node = "kept"\nhost_id = "lineal"\nchannels.pressure = { metric = "Pressure" }\n',
    )
    said = 1
    for _ in range(3):
        with agent:
            agent.until(lambda: node._online)
            agent.wait(said)
            for _ in range(15):
                node.measure(said, said)
                said += 1
            agent.wait(said)
        until_true(lambda: not node._online)
        for _ in range(15):
            node.measure(said, said)
            said += 1
    with agent:
        agent.wait(said)
    node.close()
    # the birth says the newest value before the node sends what it has kept
    assert sorted(row.values[0] for row in agent.readings()) == list(range(said))


def test_numbers_with_a_sign_and_none_are_read() -> None:
    data = encode([("a", None, -5, 1), ("b", None, None, 1), ("c", None, True, 1)], seq=7)
    payload = decode(data)
    assert payload.seq == 7
    assert payload.metrics[0].value == -5
    assert math.isnan(payload.metrics[1].value or 0)
    assert payload.metrics[2].value == 1


@given(st.binary(max_size=60))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadPayload):
        assert isinstance(decode(data), Payload)


@given(st.lists(st.integers(0, 600), max_size=5), st.integers(1, 600))
def test_a_node_misses_messages_exactly_when_one_is_lost(lost: list[int], count: int) -> None:
    """Also where the numbers begin anew behind 255."""
    node = SparkplugNode()
    node.birth("", decode(encode([("p", 1, 1.0, 1)], seq=0)))
    for number in range(1, count + 1):
        if number not in lost:
            node.data("", decode(encode([(None, 1, 1.0, 1)], seq=number % 256)))
    missed = any(0 < number < count for number in lost if any(
        later not in lost for later in range(number + 1, count + 1)))  # fmt: skip
    assert (node.state is NodeState.MISSED) == missed


def test_a_channel_that_no_birth_names_or_that_is_no_number_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    channels = {"p": {"metric": "Presure"}, "at": {"metric": "Name"}, "flow": {"device": "pump"}}
    source = open_source(
        read_source(
            {"kind": "sparkplug", "host": "nowhere", "group": "plant", "node": "n",
             "channels": channels}
        ),
        "d",
    )  # fmt: skip
    assert isinstance(source, Sparkplug)
    number = encode([("Pressure", 1, 1.5, BEGIN_MS)], seq=0, timestamp_ms=BEGIN_MS)
    text = b"\x12\x0a\x0a\x04Name\x7a\x02ok"  # what `encode` does not make: a metric with a text
    for _ in range(2):
        message = Message("spBv1.0/plant/NBIRTH/n", number + text, 0, False, 1)
        assert list(source._decode(message)) == []
    assert [record.getMessage() for record in caplog.records] == [
        "n: p has no value: the birth of the node names no 'Presure', but Name, Pressure",
        "n: at has no value: 'Name' is no number",
    ]
    source.close()
