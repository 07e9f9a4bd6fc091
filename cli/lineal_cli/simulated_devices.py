"""Simulated turbines behind real agents: a program of its own, whose threads disturb nobody.

``python -m lineal_cli.simulated_devices ORDER``; ORDER is the JSON of an :class:`Order`. A line
``DEVICE FAULT`` on its standard input lets a fault begin now. It ends when its standard input does,
or on SIGTERM.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from lineal_edge.agent import Agent


class Order(BaseModel):
    """What is to be simulated."""

    model_config = ConfigDict(frozen=True)

    devices: tuple[str, ...]
    faults: dict[str, tuple[str, ...]] = {}
    """By device, as on the command line."""
    rate: float = 20.0
    """Readings a second of simulated time."""
    speed: float = 1.0
    """Seconds of simulated time in a second."""
    host: str
    port: int
    protocol: int = 5
    folder: Path
    """For the outboxes and models of the devices."""
    keys: dict[str, str] = {}
    """Who may sign packages: base64 public keys by key id."""
    seconds: float | None = None


class HurriedSimulator:
    """A simulated turbine whose time runs faster than ours."""

    def __init__(self, seed: int, rate: float, speed: float, faults: tuple[str, ...]) -> None:
        from lineal_edge.sources.pace import Pace
        from lineal_edge.sources.simulator import Simulator
        from lineal_edge.sources.turbine import parse_fault

        self._simulator = Simulator(
            seed, rate=rate, faults=[parse_fault(fault) for fault in faults], hurry=True
        )
        self.features = self._simulator.features
        self.counts = self._simulator.counts
        self._closed = threading.Event()
        self._pace = Pace(rate * speed, self._closed)

    def readings(self) -> Iterator[tuple[float, ...]]:
        readings = self._simulator.readings()
        while self._pace.wait():
            yield next(readings)

    def fail(self, text: str) -> None:
        """Let a fault begin now; from any thread."""
        from lineal_edge.sources.turbine import parse_fault

        turbine = self._simulator.turbine
        turbine.faults.append(replace(parse_fault(text), start=turbine.time))

    def close(self) -> None:
        self._closed.set()
        self._simulator.close()


def _agent(order: Order, device: str, source: HurriedSimulator) -> Agent:
    from lineal_edge.agent import Agent
    from lineal_edge.settings import Settings

    settings = Settings.model_validate(
        {
            "device": device,
            "data": order.folder / device,
            "source": {"kind": "simulator", "rate": order.rate * order.speed},
            "broker": {"host": order.host, "port": order.port, "protocol": order.protocol},
            "update": {"trusted_keys": order.keys},
            "scoring": {"queue": 20_000},
        }
    )
    return Agent(settings, source=source)


def main(text: str, *, obey: bool = True) -> int:
    """Run the devices until told to stop; the exit code.

    Args:
        obey: whether a parent process says what to do on standard input.
    """
    order = Order.model_validate_json(text)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    sources = {
        device: HurriedSimulator(number + 1, order.rate, order.speed, order.faults.get(device, ()))
        for number, device in enumerate(order.devices)
    }
    agents = [_agent(order, device, source) for device, source in sources.items()]

    def stop(*_: object) -> None:
        for agent in agents:
            agent.ask_to_stop()

    def follow_parent() -> None:
        for line in sys.stdin:
            device, _, fault = line.strip().partition(" ")
            sources[device].fail(fault)
        stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C is for the parent, which tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN if obey else stop)
    if obey:
        threading.Thread(target=follow_parent, daemon=True).start()
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda one=agent: codes.append(one.run(order.seconds)))
        for agent in agents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():  # a join without end would hold back the signals
            thread.join(0.5)
    return max(codes, default=1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
