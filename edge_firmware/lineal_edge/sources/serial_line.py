"""A source on a serial port: counts and skips malformed lines, reopens a lost port."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import serial
from pydantic import Field, model_validator

from lineal_edge.backoff import Backoff
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.line_pattern import LinePattern
from lineal_edge.sources.settings import ChannelSettings, ChannelSource, channels_of
from lineal_edge.sources.source import SourceCounts
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.line import MAX_LINE, BadLine, derivation, parse_line

log = logging.getLogger(__name__)

BAUD = 115200

Parse = Callable[[bytes], "tuple[float, ...]"]
"""The values of a line; raises BadLine where it has none."""


class Group(ChannelSource):
    """The part of a line that holds a channel's value."""

    named_by: ClassVar[str | None] = "group"

    group: str | None = None
    """A named group of the pattern; none: the channel's name."""


class SerialSource(ChannelSettings):
    """Lines from a serial port: those of the turbine, or what a pattern finds in others."""

    kind: Literal["serial"] = "serial"
    port: str = "/dev/ttyUSB0"
    baud: Annotated[int, Field(gt=0)] = BAUD
    pattern: str | None = None
    """A regular expression with a named group for each channel, such as
    ``P=(?P<pressure>\\S+) bar``; none: the turbine's comma-separated fields."""
    silence: Annotated[float, Field(gt=0)] = 5.0
    """Seconds without a byte after which the port is opened anew."""
    features: tuple[str, ...] = TURBINE_FEATURES
    """Of the turbine's fields."""
    channels: dict[str, Group] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pattern_names_its_groups(self) -> SerialSource:
        if self.pattern is not None:
            LinePattern.compile(self.pattern)
        elif self.machine is not None or self.channels:
            raise ValueError("channels of other lines than the turbine's are found by a pattern")
        return self


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
        parse: Parse | None = None,
        silence: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        """``parse`` None: the turbine's lines. ``silence``: seconds without a byte after which the
        port is closed and opened again, as some USB adapters never report that the other end is
        gone."""
        self.features = tuple(features)
        self.counts = SourceCounts()
        self.connected = False
        """Whether the port is open."""
        self._parse = parse or turbine_line(features)
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
            yield self._parse(line)
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


def turbine_line(features: Sequence[str]) -> Parse:
    """How the turbine's lines are parsed.

    Raises:
        ValueError: there is no such feature.
    """
    derive = derivation(features)
    return lambda line: derive(parse_line(line))


def _open(settings: SerialSource, _device: str) -> SerialLine:
    if settings.pattern is None:
        return SerialLine(
            settings.port, baud=settings.baud, features=settings.features, silence=settings.silence
        )
    groups: Mapping[str, Group] = channels_of(settings, settings.channels, Group)
    pattern = LinePattern.of(
        settings.pattern, {name: group.group or name for name, group in groups.items()}
    )
    return SerialLine(
        settings.port,
        baud=settings.baud,
        features=pattern.features,
        parse=pattern.values,
        silence=settings.silence,
    )


KIND = SourceKind(SerialSource, _open)
