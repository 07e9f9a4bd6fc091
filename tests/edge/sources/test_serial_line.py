"""A serial port, which here is a pseudo-terminal: noise is counted, and a lost port comes back."""

from __future__ import annotations

import math
import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.backoff import Backoff
from lineal_edge.sources.kinds import open_source, read_source
from lineal_edge.sources.serial_line import SerialLine
from lineal_scoring.turbine.simulation import Turbine


class Port:
    """The turbine's end of a wire; the agent's is ``path``, a link that can move to a new wire."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug_in()

    def plug_in(self) -> None:
        self.far, self.near = pty.openpty()
        tty.setraw(self.near)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self.near))

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self.far)
        os.close(self.near)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.far, data) :]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path / "ttyUSB0")
    yield port
    port.unplug()


class Reader:
    def __init__(self, source: SerialLine) -> None:
        self.source = source
        self.values: list[tuple[float, ...]] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def connect(self) -> None:
        """Opening a port throws away what had come before."""
        self.until(lambda: self.source.connected)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 180
        while not condition():
            assert time.monotonic() < end, f"{len(self.values)} readings, {self.source.counts}"
            time.sleep(0.01)

    def _run(self) -> None:
        for values in self.source.readings():
            self.values.append(values)

    def wait(self, count: int) -> None:
        self.until(lambda: len(self.values) >= count)


@pytest.fixture
def reader(port: Port) -> Iterator[Reader]:
    source = SerialLine(
        str(port.path), features=("millis", "rps"), silence=0.6, backoff=Backoff(0.01, 0.05)
    )
    reader = Reader(source)
    reader.connect()
    port.send(b"the end of a line\n")
    yield reader
    source.close()
    reader.thread.join(10)
    assert not reader.thread.is_alive()


def line(number: int) -> bytes:
    return b"%d,2048,1.6,2.1,47.8,1,0,0,0,.1,.2,.3,0,0,9.81,35,18,55,1013,120\r\n" % number


def test_lines_become_readings_however_they_are_cut(port: Port, reader: Reader) -> None:
    data = b"".join(map(line, range(100)))
    for start in range(0, len(data), 37):
        port.send(data[start : start + 37])
    reader.wait(100)
    assert [values[0] for values in reader.values] == list(range(100))
    assert reader.source.counts.bad_lines == 0


def test_the_end_of_a_line_whose_begin_nobody_saw_is_not_taken_for_a_reading(port: Port) -> None:
    source = SerialLine(str(port.path), features=("millis",))
    reader = Reader(source)
    reader.connect()
    port.send(line(9)[1:] + line(1))  # 20 fields, the first of them empty
    reader.wait(1)
    source.close()
    assert reader.values == [(1.0,)]


def test_bad_lines_are_counted_and_skipped(port: Port, reader: Reader) -> None:
    port.send(line(1) + b"garbage\n" + line(2)[:30] + b"\n" + b"\xfe\xff\x00\n" + b"\n" + line(3))
    reader.wait(2)
    assert [values[0] for values in reader.values] == [1, 3]
    assert reader.source.counts.bad_lines == 3


def test_a_line_without_an_end_is_cut_off_and_counted_once(port: Port, reader: Reader) -> None:
    port.send(line(1))
    for _ in range(40):
        port.send(b"1,2,3," * 100)
    port.send(b"\n" + line(2))
    reader.wait(2)
    assert [values[0] for values in reader.values] == [1, 2]
    assert reader.source.counts.bad_lines == 1


def test_an_adapter_pulled_out_and_put_back_goes_on(port: Port, reader: Reader) -> None:
    port.send(line(1))
    reader.wait(1)
    port.unplug()
    reader.until(lambda: not reader.source.connected)
    port.plug_in()
    reader.until(lambda: reader.source.counts.reconnects > 0 and reader.source.connected)
    port.send(b"rest of a line\n" + line(2))
    reader.wait(2)
    assert [values[0] for values in reader.values] == [1, 2]


def test_a_port_that_says_nothing_is_opened_anew(port: Port, reader: Reader) -> None:
    reader.until(lambda: reader.source.counts.reconnects > 0)
    reader.connect()
    port.send(b"\n" + line(7))
    reader.wait(1)


def test_a_port_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    source = SerialLine(str(tmp_path / "tty"), features=("millis",), backoff=Backoff(0.01, 0.05))
    reader = Reader(source)
    time.sleep(0.1)
    port = Port(tmp_path / "tty")
    reader.connect()
    port.send(b"\n" + line(1))
    reader.wait(1)
    source.close()
    port.unplug()


def test_the_simulated_turbine_can_stand_at_the_other_end(port: Port) -> None:
    source = SerialLine(str(port.path))
    reader = Reader(source)
    reader.connect()
    turbine = Turbine(3)
    port.send(b"\n")
    for _ in range(200):
        port.send(turbine.line())
    reader.wait(200)
    source.close()
    assert source.counts.bad_lines == 0


def test_a_pattern_finds_the_channels_of_other_machines(port: Port) -> None:
    settings = read_source(
        {
            "kind": "serial",
            "port": str(port.path),
            "pattern": r"(?P<name>\w+): (?P<p>\S+) bar(, (?P<t>\S+) C)?",
            "channels": {"pressure": {"group": "p"}, "t": {}},
        }
    )
    source = open_source(settings, "pump-1")
    assert isinstance(source, SerialLine)
    assert source.features == ("pressure", "t")
    reader = Reader(source)
    reader.connect()
    port.send(b"bar\npump: 1,5 bar, -3 C\r\npump: much bar\r\nready\r\npump: 2 bar\r\n")
    reader.wait(2)
    source.close()
    assert reader.values[0] == (1.5, -3)
    assert reader.values[1][0] == 2 and math.isnan(reader.values[1][1])
    assert source.counts.bad_lines == 2


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"pattern": "("}, "pattern is no regular expression"),
        ({"pattern": r"\d+"}, "a named group for each channel"),
        ({"pattern": "(?P<a>.)", "channels": {"b": {}}}, "no group 'b'; there are: a"),
        ({"channels": {"b": {}}}, "are found by a pattern"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        open_source(read_source({"kind": "serial", **fields}), "pump-1")
