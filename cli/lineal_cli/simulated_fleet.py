"""The simulated fleet of ``lineal up --simulate``: prepared first, started with the service."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from lineal.settings import Settings
from lineal_cli.fleet_reporter import FleetReporter, Report
from lineal_cli.simulation import (
    DRIFT,
    FAULT,
    SPEED,
    local_broker,
    request_first_model,
    signing_key,
    simulated_devices,
    simulated_settings,
    spec_of,
    until_in_use,
    until_rolled_out,
)
from lineal_producers.mqtt.settings import MqttSettings
from lineal_scoring.turbine.fleet import SimulationSpec

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.mqtt.local_broker import LocalBroker

_MAX_ROLLOUT_SECONDS = 90.0
"""How long the first model has to get to the devices, before one of them fails."""
_BEFORE_DRIFT_SECONDS = 8.0


class Fleet:
    """``count`` turbines, a broker for them, and a reporter of their events."""

    def __init__(self, count: int, settings: Settings, port: int) -> None:
        """``port`` is the one on which devices get their models."""
        self._count = count
        self._settings = settings
        self._port = port
        self._folder = settings.data / "simulation"
        self._broker: LocalBroker | None = None
        self._keys: dict[str, str] = {}

    async def prepare(self, stack: AsyncExitStack) -> Settings:
        """Start a broker; the settings under which the service has to run.

        Raises:
            CommandFailed: there is no broker on this machine.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        key_file, self._keys = signing_key(self._folder)
        self._broker = await stack.enter_async_context(local_broker(self._folder))
        settings = simulated_settings(self._settings, key_file, self._port)
        return settings.with_section(self._broker.settings(settings.section(MqttSettings)))

    async def begin(self, runtime: Runtime, report: Report, stack: AsyncExitStack) -> None:
        """Start the turbines, and report their events until the stack is closed."""
        assert self._broker is not None
        await _beside(stack, FleetReporter(runtime, report).run())
        spec = spec_of(self._count, self._broker, self._folder, self._keys)
        devices = await stack.enter_async_context(
            simulated_devices(spec, self._folder / "devices.log")
        )
        report(
            "simulation.begun",
            f"{self._count} turbines are simulated, {SPEED:g} times as fast as real ones",
            {"devices": list(spec.devices)},
        )
        await _beside(stack, self._play(runtime, report, spec, devices))

    async def _play(
        self, runtime: Runtime, report: Report, spec: SimulationSpec, devices: Process
    ) -> None:
        """A first model, a fault on one device, and when that is over a drift on all."""

        def let(kind: str, names: Sequence[str], fault: str, line: str) -> None:
            assert devices.stdin is not None
            for name in names:
                devices.stdin.write(f"{name} {fault}\n".encode())
            report(kind, line, {"devices": list(names)})

        await request_first_model(runtime)
        await until_in_use(runtime)
        await until_rolled_out(runtime, _MAX_ROLLOUT_SECONDS)
        first = spec.devices[0]
        let("simulation.fault", [first], FAULT, f"{first}: the generator fails for five seconds")
        await asyncio.sleep(_BEFORE_DRIFT_SECONDS)
        let("simulation.drift", spec.devices, DRIFT, "from here on the wind is another")


async def _beside(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run something until the stack is left."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
