"""Real Modbus servers (pymodbus's), over TCP and over a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import threading
import tty
from pathlib import Path

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HOLDING = [0] * 200
UNIT = 7


def device(holding: list[int], discrete: list[bool]) -> SimDevice:
    """Holding and input registers of the same values from 0 on, coils and discrete inputs too."""
    registers = [SimData(0, values=holding, datatype=DataType.REGISTERS)]
    bits = [SimData(0, values=discrete, datatype=DataType.BITS)]
    return SimDevice(UNIT, simdata=(bits, bits, registers, registers))


class Server:
    """Runs a server in a thread until it is stopped; at the same port again afterwards."""

    def __init__(
        self, holding: list[int], discrete: list[bool], *, port: int = 0, line: Path | None = None
    ) -> None:
        self._holding, self._discrete = holding, discrete
        self.port = port
        self._line = line
        self.start()

    def start(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(180)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        about = device(self._holding, self._discrete)
        server: ModbusSerialServer | ModbusTcpServer
        if self._line is None:
            server = ModbusTcpServer(about, address=("127.0.0.1", self.port))
        else:
            server = ModbusSerialServer(
                about, framer=FramerType.RTU, port=str(self._line), baudrate=19200
            )
        await server.serve_forever(background=True)
        self._ready.set()
        await self._stop.wait()
        await server.shutdown()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


class Wire:
    """Two ends of a serial line: what is written to one comes out of the other."""

    def __init__(self, folder: Path) -> None:
        self._ends = [pty.openpty() for _ in range(2)]
        self.paths = []
        for number, (_, near) in enumerate(self._ends):
            tty.setraw(near)
            path = folder / f"tty{number}"
            path.symlink_to(os.ttyname(near))
            self.paths.append(path)
        for (here, _), (there, _) in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._copy, args=(here, there), daemon=True).start()

    def _copy(self, here: int, there: int) -> None:
        try:
            while data := os.read(here, 4096):
                os.write(there, data)
        except OSError:
            pass  # the line is cut

    def cut(self) -> None:
        for ends in self._ends:
            for end in ends:
                os.close(end)
