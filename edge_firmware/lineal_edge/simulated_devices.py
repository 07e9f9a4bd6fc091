"""Simulated turbines behind real agents, as a program with threads of its own.

``python -m lineal_edge.simulated_devices``. The first line of its standard input is the JSON of a
:class:`~lineal_scoring.turbine.fleet.SimulationSpec`; each further line, ``DEVICE FAULT``, lets a
fault begin now. It ends when its standard input does, on SIGTERM, or when the time is up.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

from lineal_edge.agent import Agent
from lineal_edge.settings import Settings
from lineal_edge.sources.pace import Pace
from lineal_edge.sources.simulator import Simulator
from lineal_scoring.turbine.fleet import SimulationSpec
from lineal_scoring.turbine.simulation import parse_fault


class FastSimulator:
    """A simulated turbine whose time runs faster than ours."""

    def __init__(self, seed: int, rate: float, speed: float, faults: tuple[str, ...]) -> None:
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
        turbine = self._simulator.turbine
        turbine.faults.append(replace(parse_fault(text), start=turbine.time))

    def close(self) -> None:
        self._closed.set()
        self._simulator.close()


def _agent(spec: SimulationSpec, device: str, source: FastSimulator) -> Agent:
    settings = Settings.model_validate(
        {
            "device": device,
            "data": spec.folder / device,
            "source": {"kind": "simulator", "rate": spec.rate * spec.speed},
            "broker": {"host": spec.host, "port": spec.port, "protocol": spec.protocol},
            "update": {"trusted_keys": spec.keys},
            "scoring": {"queue": 20_000},
        }
    )
    return Agent(settings, source=source)


def main() -> int:
    """Run the devices until they are to stop; the exit code."""
    spec = SimulationSpec.model_validate_json(sys.stdin.readline())
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    sources = {
        device: FastSimulator(number + 1, spec.rate, spec.speed, spec.faults.get(device, ()))
        for number, device in enumerate(spec.devices)
    }
    agents = [_agent(spec, device, source) for device, source in sources.items()]

    def stop(*_: object) -> None:
        for agent in agents:
            agent.request_stop()

    def follow_parent() -> None:
        for line in sys.stdin:
            device, _, fault = line.strip().partition(" ")
            sources[device].fail(fault)
        stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C is for the parent, which then closes our standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow_parent, daemon=True).start()
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda one=agent: codes.append(one.run(spec.seconds)))
        for agent in agents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():  # a join without end would hold back the signals
            thread.join(0.5)
    return max(codes, default=1)


if __name__ == "__main__":
    raise SystemExit(main())
