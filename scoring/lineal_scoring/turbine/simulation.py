"""A simulated wind turbine with twenty sensors and switchable faults.

The wind comes and goes (an Ornstein-Uhlenbeck process), the rotor follows it with inertia, the
generator's voltage follows the rotor, and the nacelle nods a little with every turn. Means and
spreads are those of the published turbine's six features. The same seed gives the same readings.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from lineal_scoring.turbine.orientation import quaternion

FaultKind = Literal["blade_imbalance", "generator", "stuck_sensor", "wind_sensor", "drift"]

MEAN_WIND = 2.154
"""Rotations a second of the wind sensor."""
_WIND_SPREAD = 0.33
_WIND_SECONDS = 20.0
_ROTOR_SECONDS = 3.0
_ROTOR_RATIO = 0.748
_VOLTS_PER_TURN = 29.67
_YAW_SPREAD = 0.48
_YAW_SECONDS = 60.0


@dataclass(frozen=True)
class Fault:
    """One fault and when it is there."""

    kind: FaultKind
    """``blade_imbalance``: the nacelle swings with each turn; ``generator``: too little voltage for
    the speed; ``stuck_sensor``: the rotor's sensor repeats its last value; ``wind_sensor``: the
    anemometer shows a part of the wind; ``drift``: no fault of a sensor but another site, with
    stronger wind and another generator ratio."""
    start: float = 0.0
    """Seconds after the simulation's begin."""
    seconds: float = math.inf
    severity: float = 1.0
    """1 is clearly there, 0.3 hardly."""

    def active(self, time: float) -> bool:
        return self.start <= time < self.start + self.seconds


def parse_fault(text: str) -> Fault:
    """A fault as written on a command line: ``generator``, ``generator:start=60,seconds=30``.

    Raises:
        ValueError: it is not known, or a number is not one.
    """
    kind, _, rest = text.partition(":")
    if kind not in get_args(FaultKind):
        raise ValueError(f"there is no fault {kind!r}: {', '.join(get_args(FaultKind))}")
    values: dict[str, float] = {}
    for item in filter(None, rest.split(",")):
        name, _, number = item.partition("=")
        if name not in ("start", "seconds", "severity"):
            raise ValueError(f"a fault has start, seconds and severity, not {name!r}")
        values[name] = float(number)
    return Fault(kind, **values)  # type: ignore[arg-type]  # one of the literals, just checked


class Turbine:
    """Steps through time and says what the sensors read."""

    def __init__(self, seed: int, *, rate: float = 20.0, faults: Sequence[Fault] = ()) -> None:
        """``rate`` in readings a second."""
        self.faults = list(faults)
        self._random = random.Random(seed)  # noqa: S311 -- weather, not secrets
        self._step = 1 / rate
        self._count = 0
        self._wind = MEAN_WIND + self._random.gauss(0, _WIND_SPREAD)
        self._rotor = self._wind * _ROTOR_RATIO
        self._yaw = self._random.gauss(0, _YAW_SPREAD)
        self._phase = 0.0
        self._environment = (35.0, 18.0, 55.0, 1013.0, 120.0)
        self._stuck: float | None = None

    @property
    def time(self) -> float:
        """Seconds since the begin."""
        return self._count * self._step

    def fields(self) -> tuple[float, ...]:
        """The next reading: the 20 fields of the serial line."""
        noise = self._random.gauss
        severity = {fault.kind: fault.severity for fault in self.faults if fault.active(self.time)}
        self._count += 1
        self._advance(severity.get("drift", 0.0))
        imbalance = severity.get("blade_imbalance", 0.0)
        swing = math.sin(self._phase)
        roll = -0.00796 + 0.005 * swing + noise(0, 0.004) + 0.06 * imbalance * swing
        pitch = 0.00117 + 0.003 * math.cos(self._phase) + noise(0, 0.003)
        pitch += 0.03 * imbalance * math.cos(self._phase)
        rotor = self._rotor + noise(0, 0.03) + 0.1 * imbalance * swing
        rotor = self._measured_rotor(rotor, stuck="stuck_sensor" in severity)
        wind = self._wind * (1 - min(1.0, 0.7 * severity.get("wind_sensor", 0.0))) + noise(0, 0.08)
        volts = self._rotor * _VOLTS_PER_TURN * (1 + 0.15 * severity.get("drift", 0.0))
        volts = volts * (1 - min(1.0, 0.6 * severity.get("generator", 0.0))) + noise(0, 1.5)
        if self._count % 200 == 1:
            self._environment = tuple(  # type: ignore[assignment]  # five go in, five come out
                value + noise(0, 0.05) for value in self._environment
            )
        return (
            float(round(self._count * self._step * 1000)),
            2048.0,
            max(0.0, rotor),
            max(0.0, wind),
            max(0.0, volts),
            *quaternion(roll, pitch, self._yaw),
            0.3 * math.cos(self._phase) * (1 + 10 * imbalance) + noise(0, 0.05),
            noise(0, 0.05),
            noise(0, 0.02),
            9.81 * math.sin(-pitch) + noise(0, 0.1),
            9.81 * math.sin(roll) + noise(0, 0.1),
            9.81 * math.cos(roll) * math.cos(pitch) + noise(0, 0.1),
            *self._environment,
        )

    def line(self) -> bytes:
        """The next reading as the turbine sends it, with the line end."""
        return ",".join(f"{value:.6g}" for value in self.fields()).encode() + b"\r\n"

    def _advance(self, drift: float) -> None:
        step, noise = self._step, self._random.gauss
        self._wind = _wander(
            self._wind, MEAN_WIND + 0.5 * drift, _WIND_SPREAD, step / _WIND_SECONDS, noise(0, 1)
        )
        self._wind = max(0.0, self._wind)
        self._rotor += (self._wind * _ROTOR_RATIO - self._rotor) * min(1.0, step / _ROTOR_SECONDS)
        self._yaw = _wander(self._yaw, -0.107, _YAW_SPREAD, step / _YAW_SECONDS, noise(0, 1))
        self._phase = (self._phase + math.tau * self._rotor * step) % math.tau

    def _measured_rotor(self, value: float, *, stuck: bool) -> float:
        if not stuck:
            self._stuck = None
            return value
        if self._stuck is None:
            self._stuck = value
        return self._stuck


def _wander(value: float, mean: float, spread: float, part: float, noise: float) -> float:
    """One step of a process that returns to its mean; ``part`` is the step over its time."""
    return value + (mean - value) * part + spread * math.sqrt(2 * part) * noise
