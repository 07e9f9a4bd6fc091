"""An OPC UA server, which here is asyncua's: polled, subscribed to, killed and read on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.backoff import Backoff
from lineal_edge.sources.kinds import read_source
from lineal_edge.sources.opcua import OpcUa, OpcUaSource
from lineal_edge.sources.source import Sample
from lineal_local.ports import free_port
from tests.edge.sources.killing import KilledAgent
from tests.edge.sources.opcua_server import BEGIN, Identity, OpcUaServer

CHANNELS = {
    "pressure": {"node": "ns=2;s=Pump.Pressure", "scale": 0.1},
    "flow": {"node": "ns=2;s=Pump.Flow"},
}
BEGIN_US = round(BEGIN.timestamp() * 1e6)


def source_of(url: str, **more: Any) -> OpcUa:
    found = read_source(
        {"kind": "opcua", "url": url, "channels": CHANNELS, "rate_hz": 50, "timeout": 2, **more}
    )
    assert isinstance(found, OpcUaSource)
    return OpcUa(found, backoff=Backoff(0.01, 0.05))


@pytest.fixture(scope="module")
def with_history() -> Iterator[OpcUaServer]:
    server = OpcUaServer(free_port(), history=True)
    yield server
    server.stop()


class Taker:
    """Takes in a thread, as the sampler does."""

    def __init__(self, source: OpcUa, after: str | None = None) -> None:
        self.taken: list[Sample] = []
        self._source = source
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(after,), daemon=True)
        self._thread.start()

    def _run(self, after: str | None) -> None:
        for sample in self._source.samples(after):
            with self._changed:
                self.taken.append(sample)
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until there is a sample of this moment."""
        moment = BEGIN_US + round(seconds * 1e6)
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(one.wall_us == moment for one in self.taken), 30
            ), self.taken

    def close(self) -> list[Sample]:
        self._source.close()
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.taken


def test_nodes_are_polled_and_what_is_bad_or_no_number_has_no_value(
    with_history: OpcUaServer,
) -> None:
    with_history.write("Pressure", 62.5, 0)
    with_history.write("Flow", 5, 0, good=False)
    channels = {**CHANNELS, "text": {"node": "ns=2;s=Pump.Name"}, "no": {"node": "ns=2;s=None"}}
    source = source_of(with_history.url, channels=channels)
    samples = source.samples(None)
    [first, second] = [next(samples), next(samples)]
    source.close()
    assert first.values[0] == 6.25
    assert list(map(math.isnan, first.values)) == [False, True, True, True]
    assert first.wall_us is None
    assert second.values[0] == 6.25
    assert source.counts.bad_lines == 6


def test_changes_are_readings_of_the_servers_time(with_history: OpcUaServer) -> None:
    with_history.write("Pressure", 10, 100)
    with_history.write("Flow", 1, 100)
    taker = Taker(source_of(with_history.url, mode="subscription"))
    taker.wait(100)
    for second in (101, 102):
        with_history.write("Pressure", 10 * second, second)
        taker.wait(second)
    with_history.write("Flow", 7, 103)
    taker.wait(103)
    taken = taker.close()
    assert [sample.wall_us for sample in taken] == [
        BEGIN_US + second * 1_000_000 for second in (100, 101, 102, 103)
    ]
    values = [value for sample in taken for value in sample.values]
    assert values == pytest.approx([1, 1, 101, 1, 102, 1, 102, 7])


def test_what_changed_while_nobody_was_there_is_read_from_the_history(
    with_history: OpcUaServer,
) -> None:
    with_history.write("Flow", 200, 200)
    with_history.write("Pressure", 2000, 200)
    taker = Taker(source_of(with_history.url, mode="subscription"))
    taker.wait(200)
    position = taker.close()[-1].position
    for second in range(201, 206):
        with_history.write("Pressure", 10 * second, second)
    taker = Taker(source_of(with_history.url, mode="subscription"), position)
    taker.wait(205)
    assert [sample.values[0] for sample in taker.close()] == pytest.approx(
        [201, 202, 203, 204, 205]
    )


@pytest.mark.long
def test_a_server_that_is_gone_is_waited_for_and_one_without_history_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    server = OpcUaServer(port)
    server.write("Pressure", 1, 1)
    server.write("Flow", 1, 1)
    source = source_of(server.url, mode="subscription")
    taker = Taker(source)
    taker.wait(1)
    server.stop()
    server = OpcUaServer(port)
    server.write("Pressure", 20, 2)
    taker.wait(2)
    server.stop()
    taker.close()
    assert source.counts.reconnects >= 1
    assert "no history of pressure" in caplog.text


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"channels": {"p": {"node": "Pressure"}}}, "channels.p.node: 'Pressure' is no id"),
        ({"channels": {}}, "name the nodes"),
        ({"user": "me"}, "user and password_file go together"),
    ],
)
def test_settings_that_cannot_work_are_refused(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        source_of("opc.tcp://127.0.0.1:9", **more)


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    folder = tmp_path_factory.mktemp("identities")
    return {name: Identity.make(folder, name) for name in ("agent", "plc", "impostor")}


@pytest.fixture(scope="module")
def encrypted(identities: dict[str, Identity]) -> Iterator[OpcUaServer]:
    server = OpcUaServer(free_port(), identity=identities["plc"], users={"reader": "secret"})
    yield server
    server.stop()


def secured(
    identities: dict[str, Identity], server: str, folder: Path, password: str = "secret"
) -> dict[str, Any]:
    own, other = identities["agent"], identities[server]
    (folder / "password").write_text(f"{password}\n")
    files = f"{own.certificate},{own.key},{other.certificate}"
    return {
        "security": f"Basic256Sha256,SignAndEncrypt,{files}",
        "user": "reader",
        "password_file": folder / "password",
    }


def test_an_encrypted_server_is_read_by_who_logs_in(
    encrypted: OpcUaServer, identities: dict[str, Identity], tmp_path: Path
) -> None:
    encrypted.write("Pressure", 62.5, 0)
    encrypted.write("Flow", 5, 0)
    source = source_of(encrypted.url, **secured(identities, "plc", tmp_path))
    samples = source.samples(None)
    sample = next(samples)
    source.close()
    assert sample.values == (6.25, 5.0)


@pytest.mark.parametrize("fault", ["not encrypted", "password", "other server"])
def test_an_encrypted_server_is_read_by_nobody_else(
    encrypted: OpcUaServer,
    identities: dict[str, Identity],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    server = "impostor" if fault == "other server" else "plc"
    more = secured(identities, server, tmp_path, "guess" if fault == "password" else "secret")
    if fault == "not encrypted":
        del more["security"]
    taker = Taker(source_of(encrypted.url, **more))
    end = time.monotonic() + 180
    while encrypted.url not in caplog.text:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert taker.close() == []


@pytest.mark.parametrize(
    "security", ["Basic256Sha256", "Basic256,Sign,a,b", "Basic256Sha256,On,a,b"]
)
def test_a_security_that_there_is_not_is_named(security: str) -> None:
    with pytest.raises(ValueError, match="it is POLICY,MODE"):
        source_of("opc.tcp://127.0.0.1:9", security=security)


def test_a_killed_agent_has_each_change_once(
    tmp_path_factory: pytest.TempPathFactory, with_history: OpcUaServer
) -> None:
    with_history.write("Flow", 1000, 1000)
    with_history.write("Pressure", 1000, 1000)
    agent = KilledAgent(
        tmp_path_factory.mktemp("agent"),
        f'kind = "opcua"\nurl = "{with_history.url}"\nmode = "subscription"\nrate_hz = 50\n'
        'channels.pressure = { node = "ns=2;s=Pump.Pressure" }\n',
    )
    for begin in (1001, 1021, 1041):
        with agent:
            agent.wait(begin - 1000)
            for second in range(begin, begin + 10):
                with_history.write("Pressure", second, second)
            agent.wait(begin - 1000 + 5)
        for second in range(begin + 10, begin + 20):
            with_history.write("Pressure", second, second)
    with agent:
        agent.wait(61)
    readings = agent.readings()
    assert [row.values[0] for row in readings] == [*range(1000, 1061)]
    assert [row.wall_us for row in readings][1:] == [
        BEGIN_US + second * 1_000_000 for second in range(1001, 1061)
    ]
