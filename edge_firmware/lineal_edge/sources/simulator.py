"""A source that simulates the turbine."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.pace import Pace
from lineal_edge.sources.settings import SourceSettings
from lineal_edge.sources.source import SourceCounts
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.line import derivation
from lineal_scoring.turbine.simulation import Fault, Turbine, parse_fault


class SimulatorSource(SourceSettings):
    """A simulated turbine."""

    kind: Literal["simulator"]
    rate: Annotated[float, Field(gt=0)] = 20.0
    """Readings a second."""
    seed: int | None = None
    """None takes one from the device's name."""
    faults: tuple[str, ...] = ()
    features: tuple[str, ...] = TURBINE_FEATURES


class Simulator:
    """Yields readings of a :class:`Turbine` at its rate; never ends by itself."""

    def __init__(
        self,
        seed: int,
        *,
        rate: float = 20.0,
        faults: Sequence[Fault] = (),
        features: Sequence[str] = TURBINE_FEATURES,
        hurry: bool = False,
    ) -> None:
        """``rate`` in readings a second; with ``hurry`` they come as fast as they are taken."""
        self.features = tuple(features)
        self.counts = SourceCounts()
        self.turbine = Turbine(seed, rate=rate, faults=faults)
        self._derive = derivation(features)
        self._closed = threading.Event()
        self._pace = Pace(None if hurry else rate, self._closed)

    def readings(self) -> Iterator[tuple[float, ...]]:
        while self._pace.wait():
            yield self._derive(self.turbine.fields())

    def close(self) -> None:
        self._closed.set()


def _open(settings: SimulatorSource, device: str) -> Simulator:
    return Simulator(
        zlib.crc32(device.encode()) if settings.seed is None else settings.seed,
        rate=settings.rate,
        faults=[parse_fault(fault) for fault in settings.faults],
        features=settings.features,
    )


KIND = SourceKind(SimulatorSource, _open)
