"""A source on a serial port: counts and skips malformed lines, reopens a lost port."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import serial

from lineal_edge.backoff import Backoff
from lineal_edge.sources.source import SourceCounts
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.line import MAX_LINE, BadLine, derivation, parse_line

log = logging.getLogger(__name__)

BAUD = 115200


class SerialLine:
    """Reads lines from a port until it is closed.

    After opening, everything up to the first line end is thrown away without being counted: it is
    the end of a line whose beginning was missed, and may look like a complete one.
    """

    def __init__(
        self,
        port: str,
        *,
        baud: int = BAUD,
        features: Sequence[str] = TURBINE_FEATURES,
        silence: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        """``silence``: seconds without a byte after which the port is closed and opened again, as
        some USB adapters never report that the other end is gone."""
        self.features = tuple(features)
        self.counts = SourceCounts()
        self.connected = False
        """Whether the port is open."""
        self._derive = derivation(features)
        self._port = port
        self._baud = baud
        self._silence = silence
        self._backoff = backoff or Backoff(first=0.2, limit=10.0)
        self._closed = threading.Event()

    def readings(self) -> Iterator[tuple[float, ...]]:
        opened = False
        while not self._closed.is_set():
            try:
                with serial.Serial(self._port, self._baud, timeout=0.2) as port:
                    if opened:
                        self.counts.reconnects += 1
                    opened = True
                    self.connected = True
                    log.info("reading from %s", self._port)
                    for line in self._lines(port):
                        self._backoff.reset()
                        yield from self._reading(line)
                    log.warning("%s is silent: opening it anew", self._port)
            except (serial.SerialException, OSError) as error:
                log.warning("%s: %s", self._port, error)
            self.connected = False
            self._closed.wait(self._backoff.next())

    def close(self) -> None:
        self._closed.set()

    def _reading(self, line: bytes) -> Iterator[tuple[float, ...]]:
        try:
            yield self._derive(parse_line(line))
        except BadLine as error:
            self.counts.bad_lines += 1
            log.debug("bad line: %s", error)

    def _lines(self, port: serial.Serial) -> Iterator[bytes]:
        """Whole lines until the port is silent; one without an end is cut off and counted once."""
        rest = b""
        skipping = True
        quiet = 0.0
        while not self._closed.is_set():
            data = port.read(max(1, port.in_waiting))
            if not data:
                quiet += 0.2
                if quiet >= self._silence:
                    return
                continue
            quiet = 0.0
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if skipping:
                    skipping = False
                elif line.strip():
                    yield line.rstrip(b"\r")
            if len(rest) > MAX_LINE:
                if not skipping:
                    self.counts.bad_lines += 1
                rest, skipping = b"", True
