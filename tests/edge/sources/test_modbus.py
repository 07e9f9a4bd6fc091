"""Modbus devices, which here are pymodbus's servers: values, refusals and lost connections."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_edge.backoff import Backoff
from lineal_edge.settings import BadSettings, read_settings
from lineal_edge.sources.kinds import read_source
from lineal_edge.sources.modbus import Modbus, ModbusSource
from lineal_edge.sources.registers import MAX_WORDS, Register, requests
from lineal_local.ports import free_port
from lineal_scoring.machine import BadMachine
from tests.edge.sources.killing import KilledAgent
from tests.edge.sources.modbus_servers import UNIT, Server, Wire


def words(kind: str, *numbers: float) -> list[int]:
    data = struct.pack(f">{len(numbers)}{kind}", *numbers)
    return list(struct.unpack(f">{len(data) // 2}H", data))


HOLDING = [
    *words("H", 215, 65535, 32768),  # 0: tenths of a degree, -1, no value
    *words("f", 1.5),  # 3
    *reversed(words("f", -2.5)),  # 5: words swapped
    *words("i", -70000),  # 7
    *words("d", math.pi),  # 9
    *words("Q", 2**40),  # 13
    0b100,  # 17
]
CHANNELS = {
    "temperature": {"address": 0, "scale": 0.1, "offset": -1},
    "signed": {"address": 1, "type": "int16"},
    "none": {"address": 2, "missing": [32768]},
    "float": {"address": 3, "type": "float32"},
    "swapped": {"address": 5, "type": "float32", "byte_order": "CDAB"},
    "count": {"address": 7, "type": "int32", "table": "input"},
    "double": {"address": 9, "type": "float64"},
    "long": {"address": 13, "type": "uint64"},
    "alarm": {"address": 17, "type": "bool", "bit": 2},
    "open": {"address": 1, "table": "discrete"},
    "on": {"address": 0, "table": "coil"},
}
VALUES = (20.5, -1, math.nan, 1.5, -2.5, -70000, math.pi, 2**40, 1, 1, 0)
BITS = [False, True, False]


def source_of(channels: Any = CHANNELS, **more: Any) -> Modbus:
    fields = {"kind": "modbus", "unit": UNIT, "rate_hz": 50, "timeout": 0.5, **more}
    found = read_source({"channels": channels, **fields})
    assert isinstance(found, ModbusSource)
    return Modbus(found, backoff=Backoff(0.01, 0.05))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(HOLDING, BITS, port=free_port())
    yield server
    server.stop()


def take(source: Modbus, count: int) -> list[tuple[float, ...]]:
    taken = []
    for values in source.readings():
        taken.append(values)
        if len(taken) == count:
            break
    source.close()
    return taken


def test_every_type_order_and_table_is_read_over_tcp(server: Server) -> None:
    source = source_of(host="127.0.0.1", tcp_port=server.port)
    assert source.features == tuple(CHANNELS)
    for values in take(source, 2):
        assert values == pytest.approx(VALUES, nan_ok=True)
    assert source.counts.bad_lines == 0


def test_the_same_is_read_over_a_serial_line(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    server = Server(HOLDING, BITS, line=wire.paths[0])
    source = source_of(port=str(wire.paths[1]), rate_hz=5, parity="N")
    [values] = take(source, 1)
    server.stop()
    wire.cut()
    assert values == pytest.approx(VALUES, nan_ok=True)


def test_what_the_device_refuses_has_no_value_and_the_rest_has(server: Server) -> None:
    channels = {**CHANNELS, "nowhere": {"address": 500}}
    source = source_of(channels, host="127.0.0.1", tcp_port=server.port)
    [first, second] = take(source, 2)
    assert first == pytest.approx((*VALUES, math.nan), nan_ok=True)
    assert source.counts.bad_lines == 2
    assert math.isnan(second[-1])


def test_a_device_that_goes_away_and_comes_back_is_read_on(server: Server) -> None:
    source = source_of(host="127.0.0.1", tcp_port=server.port)
    readings = source.readings()
    assert next(readings) == pytest.approx(VALUES, nan_ok=True)
    server.stop()
    server.start()
    assert next(readings) == pytest.approx(VALUES, nan_ok=True)
    assert source.counts.reconnects >= 1
    source.close()


def test_a_device_that_is_not_there_yet_is_waited_for() -> None:
    port = free_port()
    source = source_of(host="127.0.0.1", tcp_port=port)
    server = Server(HOLDING, BITS, port=port)
    assert len(take(source, 1)) == 1
    server.stop()


def test_registers_that_lie_together_are_one_request() -> None:
    channels = {
        "a": Register(address=0),
        "b": Register(address=10, type="float32"),
        "c": Register(address=100),
        "d": Register(address=11, table="input"),
    }
    found = {(one.table, one.begin, one.size) for one in requests(channels, 16)}
    assert found == {("holding", 0, 12), ("holding", 100, 1), ("input", 11, 1)}
    assert len(requests(channels, 0)) == 4


@given(
    st.dictionaries(
        st.integers(0, 10**6).map(str),
        st.builds(
            Register,
            address=st.integers(0, 400),
            table=st.sampled_from(["holding", "input", "coil"]),
            type=st.sampled_from(["int16", "float32", "float64"]),
        ),
        max_size=40,
    ),
    st.integers(0, 200),
)
def test_requests_hold_each_channel_once_and_whole(
    channels: dict[str, Register], max_gap: int
) -> None:
    found = requests(channels, max_gap)
    assert sorted(name for one in found for name in one.channels) == sorted(channels)
    for one in found:
        assert one.size <= MAX_WORDS or one.table == "coil"
        for name in one.channels:
            assert one.table == channels[name].table
            assert one.begin <= channels[name].address
            assert channels[name].address + channels[name].words <= one.begin + one.size


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        ("ABCD", [0x1234, 0x5678]),
        ("CDAB", [0x5678, 0x1234]),
        ("BADC", [0x3412, 0x7856]),
        ("DCBA", [0x7856, 0x3412]),
    ],
)
def test_orders_of_bytes(order: Any, registers: list[int]) -> None:
    assert Register(address=0, type="uint32", byte_order=order).value(registers) == 0x12345678


MACHINE = """\
devices = ["pump-*"]
rate_hz = 50
[channels.temperature]
unit = "°C"
source = { address = 0, scale = 0.1, offset = -1 }
[channels.signed]
source = { address = 1, type = "int16" }
"""


def test_a_machine_file_says_the_registers_and_a_mistake_has_its_line(
    tmp_path: Path, server: Server
) -> None:
    machine = tmp_path / "pump.toml"
    machine.write_text(MACHINE)
    fields = {"host": "127.0.0.1", "tcp_port": server.port, "machine": machine, "rate_hz": None}
    assert take(source_of({}, **fields), 1) == [pytest.approx((20.5, -1))]
    machine.write_text(MACHINE.replace("address = 1, ", ""))
    with pytest.raises(BadMachine, match=r"pump.toml:7: channels.signed.source.address: a source"):
        source_of({}, **fields)
    machine.write_text(MACHINE.replace('"int16"', '"int17"'))
    with pytest.raises(BadMachine, match=r"pump.toml:7: channels.signed.source.type: Input should"):
        source_of({}, **fields)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('host = "a"\nport = "b"', "name one of the two"),
        ('host = "a"\nchannels.p = { address = 1, typ = "int16" }', ":5: source.channels.p.typ"),
        ('host = "a"\nchannels.p = { address = 70000 }', ":5: source.channels.p.address"),
        ('host = "a"\nchannels.p = { address = 65535, type = "int32" }', "beyond register 65535"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'device = "a"\n[source]\nkind = "modbus"\n{text}')
    with pytest.raises(BadSettings, match="agent") as refused:
        read_settings(file)
    assert problem in str(refused.value)


def test_a_killed_agent_keeps_what_it_read_and_reads_on(tmp_path: Path, server: Server) -> None:
    agent = KilledAgent(
        tmp_path,
        f'kind = "modbus"\nhost = "127.0.0.1"\ntcp_port = {server.port}\nunit = {UNIT}\n'
        "rate_hz = 50\nchannels.t = { address = 0 }\n",
    )
    for count in (20, 40):
        with agent:
            agent.wait(count)
    readings = agent.readings()
    assert {row.values for row in readings} == {(215.0,)}
    boots = [row.boot_id for row in readings]
    assert len(set(boots)) == 2
    for boot in set(boots):  # numbered without a hole, which is what the bus checks
        numbers = [row.seq for row in readings if row.boot_id == boot]
        assert numbers == list(range(1, len(numbers) + 1))
