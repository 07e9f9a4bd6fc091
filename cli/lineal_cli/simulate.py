"""``lineal simulate``: simulates turbines that send readings, over MQTT or onto the bus."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, with_broker
from lineal_cli.printing import count_of, print_json

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_schemas.telemetry import TelemetryReadings

_BATCH = 20


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=10_000, help="How many turbines.")] = 5,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Readings a second of simulated time, each.")
    ] = 20.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="KIND[:start=S,seconds=S,severity=X]",
            help="On the first turbine, in seconds of simulated time: blade_imbalance, generator, "
            "stuck_sensor, wind_sensor, drift.",
        ),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="The faults are on all turbines.")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=0.01, help="Seconds of simulated time in a second.")
    ] = 1.0,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="For how long; until Ctrl-C unless given.")
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Broker to publish to; LINEAL_MQTT__URL. None: onto the bus."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate turbines that send readings.

    With an MQTT broker each is a real agent that scores for itself, keeps what it could not send,
    and takes new models (mqtt:// without certificates: a broker to try things out). Without one
    their readings are put straight onto the bus.
    """
    from lineal_producers.mqtt.settings import MqttSettings

    settings = with_broker(load_settings(data), mqtt)
    faults = _checked(fault or [])
    names = _names(devices)
    chosen = names if everywhere else names[:1]
    by_device = {name: tuple(faults) for name in chosen if faults}
    try:
        if settings.section(MqttSettings).url is not None:
            _over_mqtt(settings, names, by_device, rate, speed, seconds)
            return
        sent = asyncio.run(_onto_the_bus(settings, names, by_device, rate, speed, seconds))
    except KeyboardInterrupt:
        return
    if as_json:
        print_json({"devices": devices, "readings": sent})
    else:
        typer.echo(f"{count_of(sent, 'reading')} of {count_of(devices, 'turbine')} are on the bus")


def _names(count: int) -> list[str]:
    from lineal_cli.simulation import device_names

    return list(device_names(count))


def _checked(faults: list[str]) -> list[str]:
    try:
        from lineal_scoring.turbine.simulation import parse_fault
    except ImportError as error:
        raise CommandFailed(
            f"a simulation needs `pip install 'lineal[models]'` ({error})"
        ) from error
    for text in faults:
        try:
            parse_fault(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--fault") from error
    return faults


def _over_mqtt(
    settings: Settings,
    names: list[str],
    faults: dict[str, tuple[str, ...]],
    rate: float,
    speed: float,
    seconds: float | None,
) -> None:
    from urllib.parse import urlsplit

    from lineal_cli.simulation import run_devices
    from lineal_producers.mqtt.settings import MqttSettings
    from lineal_scoring.turbine.fleet import SimulationSpec

    url = urlsplit(settings.section(MqttSettings).url or "")
    if url.scheme != "mqtt" or url.hostname is None:
        raise CommandFailed(
            "simulated turbines have no certificates: name a broker with mqtt://HOST:PORT"
        )
    spec = SimulationSpec(
        devices=tuple(names), faults=faults, rate=rate, speed=speed, host=url.hostname,
        port=url.port or 1883, protocol=settings.section(MqttSettings).protocol,
        folder=Path(settings.data) / "simulation" / "devices", seconds=seconds,
    )  # fmt: skip
    if run_devices(spec) != 0:
        raise CommandFailed("a simulated device has failed: see above")


async def _onto_the_bus(
    settings: Settings,
    names: list[str],
    faults: dict[str, tuple[str, ...]],
    rate: float,
    speed: float,
    seconds: float | None,
) -> int:
    """As the bridge would, in batches of 20; how many readings were sent."""
    import time

    from lineal.runtime import open_runtime
    from lineal_schemas.envelope import first_event

    turbines = [
        _Turbine(name, n, rate, speed, faults.get(name, ())) for n, name in enumerate(names)
    ]
    pause = _BATCH / (rate * speed)
    sent = 0
    async with open_runtime(settings) as runtime:
        begun = time.monotonic()
        due = begun
        while seconds is None or due - begun < seconds:
            batches = [turbine.batch() for turbine in turbines]
            events = [first_event(b, id=b.event_id, source="lineal:simulate") for b in batches]
            for first in range(0, len(events), 500):
                await runtime.bus.publish([(e.type, e) for e in events[first : first + 500]])
            sent += len(batches) * _BATCH
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    return sent


class _Turbine:
    """One simulated turbine and the numbering of its readings."""

    def __init__(
        self, name: str, seed: int, rate: float, speed: float, faults: tuple[str, ...]
    ) -> None:
        from uuid import uuid4

        from lineal_schemas.envelope import now_us
        from lineal_scoring.turbine.line import derivation
        from lineal_scoring.turbine.simulation import Turbine, parse_fault

        parsed = [parse_fault(fault) for fault in faults]
        self._turbine = Turbine(seed + 1, rate=rate, faults=parsed)
        self._derive = derivation()
        self._name = name
        self._boot = uuid4().hex
        self._seq = 0
        self._period_us = 1e6 / (rate * speed)
        self._begun_us = now_us()

    def batch(self) -> TelemetryReadings:
        from lineal_schemas.telemetry import TURBINE_FEATURES, TelemetryReadings

        first, begin = self._seq + 1, round(self._seq * self._period_us)
        self._seq += _BATCH
        rows: list[Any] = [self._derive(self._turbine.fields()) for _ in range(_BATCH)]
        return TelemetryReadings(
            device=self._name,
            boot_id=self._boot,
            first_seq=first,
            last_seq=self._seq,
            monotonic_us=begin,
            wall_us=self._begun_us + begin,
            features=TURBINE_FEATURES,
            offsets_us=tuple(round(row * self._period_us) for row in range(_BATCH)),
            values=tuple(rows),
        )
