"""Polls the registers of a Modbus device, over TCP or a serial line (RTU)."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from lineal_edge.backoff import Backoff
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.pace import Pace
from lineal_edge.sources.registers import Register, Request, requests
from lineal_edge.sources.settings import ChannelSettings, channels_of
from lineal_edge.sources.source import SourceCounts

if TYPE_CHECKING:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient

    Client = ModbusTcpClient | ModbusSerialClient

log = logging.getLogger(__name__)


class ModbusSource(ChannelSettings):
    """Registers of a device, over TCP or a serial line."""

    kind: Literal["modbus"]
    host: str | None = None
    """Of a device or a gateway: Modbus TCP."""
    tcp_port: Annotated[int, Field(gt=0, lt=65536)] = 502
    port: str | None = None
    """A serial port instead, such as /dev/ttyUSB0: Modbus RTU."""
    baud: Annotated[int, Field(gt=0)] = 19200
    parity: Literal["N", "E", "O"] = "E"
    """Even is what the standard says; without parity most devices want two stop bits."""
    stop_bits: Literal[1, 2] = 1
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Which device at the line or gateway."""
    rate_hz: Annotated[float, Field(gt=0)] | None = None
    """How often registers are read; none: as the machine file says, or once a second."""
    timeout: Annotated[float, Field(gt=0)] = 1.0
    """Seconds without an answer after which a request has failed."""
    max_gap: Annotated[int, Field(ge=0)] = 16
    """Registers in between that are read along rather than making two requests; 0 for devices that
    refuse to have others read."""
    channels: dict[str, Register] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tcp_or_serial(self) -> ModbusSource:
        if (self.host is None) == (self.port is None):
            raise ValueError("host (Modbus TCP) or port (a serial line, RTU): name one of the two")
        return self


class Modbus:
    """A reading each period. A channel whose registers the device refuses has no value; without an
    answer there is no reading, and the connection is made anew."""

    def __init__(self, settings: ModbusSource, *, backoff: Backoff | None = None) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            ModuleNotFoundError: pymodbus is not installed.
            ValueError: there are no channels.
        """
        import pymodbus  # noqa: F401 -- missing, it is to be named before anything is opened

        self.counts = SourceCounts()
        """Bad lines are requests that the device refused or did not answer."""
        self.connected = False
        """Whether the device has answered last."""
        self._channels: Mapping[str, Register] = channels_of(settings, settings.channels, Register)
        if not self._channels:
            raise ValueError("channels: name the registers, or a machine whose channels do")
        self.features = tuple(self._channels)
        self._requests = requests(self._channels, settings.max_gap)
        self._settings = settings
        self._closed = threading.Event()
        self._rate = settings.rate_hz or settings.rate() or 1.0
        self._backoff = backoff or Backoff(first=0.2, limit=10.0)
        self._refused: set[Request] = set()

    def readings(self) -> Iterator[tuple[float, ...]]:
        opened = False
        while not self._closed.is_set():
            client = _client(self._settings)
            try:
                if client.connect():
                    if opened:
                        self.counts.reconnects += 1
                    opened = True
                    yield from self._polled(client)
                else:
                    log.warning("no connection to %s", self._where())
            finally:
                self.connected = False
                client.close()  # type: ignore[no-untyped-call]
            self._closed.wait(self._backoff.next())

    def close(self) -> None:
        self._closed.set()

    def _polled(self, client: Client) -> Iterator[tuple[float, ...]]:
        """Readings until the device does not answer."""
        # anew with the connection: what was missed meanwhile is not measured in a hurry afterwards
        pace = Pace(self._rate, self._closed)
        while pace.wait():
            values = self._read(client)
            if values is None:
                return
            self.connected = True
            self._backoff.reset()
            yield tuple(values[name] for name in self.features)

    def _read(self, client: Client) -> dict[str, float] | None:
        """The values of all channels; None without an answer."""
        from pymodbus.exceptions import ModbusException

        values: dict[str, float] = {}
        for request in self._requests:
            try:
                words = self._answer(client, request)
            except (ModbusException, OSError) as error:
                self.counts.bad_lines += 1
                log.warning("%s does not answer: %s", self._where(), error)
                return None
            for name in request.channels:
                channel = self._channels[name]
                begin = channel.address - request.begin
                chosen = () if words is None else words[begin : begin + channel.words]
                values[name] = channel.value(chosen) if len(chosen) == channel.words else math.nan
        return values

    def _answer(self, client: Client, request: Request) -> list[int] | None:
        """The registers that were asked for; None where the device refuses them."""
        read = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[request.table]
        answer = read(request.begin, count=request.size, device_id=self._settings.unit)
        if answer.isError():
            self.counts.bad_lines += 1
            if request not in self._refused:
                self._refused.add(request)
                end = request.begin + request.size - 1
                log.error(
                    "%s refuses %s %d to %d (%s): %s have no value",
                    self._where(), request.table, request.begin, end, answer,
                    ", ".join(request.channels),
                )  # fmt: skip
            return None
        self._refused.discard(request)
        if request.table in ("coil", "discrete"):
            return [int(bit) for bit in answer.bits[: request.size]]
        return list(answer.registers)

    def _where(self) -> str:
        settings = self._settings
        line = settings.port or f"{settings.host}:{settings.tcp_port}"
        return f"unit {settings.unit} at {line}"


def _client(settings: ModbusSource) -> Client:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient

    if settings.port is not None:
        return ModbusSerialClient(
            settings.port,
            baudrate=settings.baud,
            parity=settings.parity,
            stopbits=settings.stop_bits,
            timeout=settings.timeout,
            retries=1,
        )
    return ModbusTcpClient(
        str(settings.host), port=settings.tcp_port, timeout=settings.timeout, retries=1
    )


def _open(settings: ModbusSource, _device: str) -> Modbus:
    return Modbus(settings)


KIND = SourceKind(ModbusSource, _open, extra="modbus", libraries=("pymodbus",))
