"""``SimulationSpec``: what the command line passes to the process of simulated devices."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SimulationSpec(BaseModel):
    """Simulated turbines and the broker that they publish to."""

    model_config = ConfigDict(frozen=True)

    devices: tuple[str, ...]
    faults: dict[str, tuple[str, ...]] = {}
    """By device, as :func:`lineal_scoring.turbine.simulation.parse_fault` reads them."""
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
    """For how long; without end unless given."""
