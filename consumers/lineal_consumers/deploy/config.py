"""Settings of the ``deploy`` stages: packages, rings, timeouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.former_settings import former_names
from lineal_schemas.deployments import StepTimeouts
from lineal_schemas.models import ModelName

Share = Annotated[float, Field(ge=0, le=1)]


class DeployConfig(BaseModel):
    """Settings of the ``deploy`` stage: ``[stages.deploy]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _former_names = former_names(job_batch_size="jobs_at_once")

    key_file: Path | None = None
    """Ed25519 private key (PEM) that signs packages; ``lineal deploy key`` makes one. It is read
    where packages are made and goes nowhere else."""
    passphrase_file: Path | None = None
    """File with the passphrase of an encrypted key; to be kept apart from it."""
    online_key_file: Path | None = None
    """Key that signs timestamps and snapshots, where the root of trust asks for them; None: the one
    that signs packages."""
    online_passphrase_file: Path | None = None
    """Its passphrase."""
    timestamp_hours: Annotated[float, Field(gt=0, le=8760)] = 24
    """For how long devices believe which packages are current; signed anew when half is over."""
    url: str = "http://127.0.0.1:8480/packages"
    """Where devices find model files, by their digest."""
    fleet: str | None = None
    """The fleet that packages are for; devices of another, or of none, do not use them. None: for
    devices that are of none."""
    package_days: Annotated[float, Field(gt=0)] = 30
    """For how long devices install a package."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-4
    """How far golden scores may be off; processors differ in the last bits of a float."""
    golden_windows: Annotated[int, Field(ge=1, le=16)] = 2
    grace_seconds: Annotated[float, Field(ge=0)] = 30
    """What a report may take to arrive, on top of a step's own time."""
    job_batch_size: Annotated[int, Field(ge=1)] = 25
    """Devices of a ring that are given their jobs in one step, about one step a second: what the
    download server has to bear, and six reports of each device that are taken one by one."""


class RingShare(BaseModel):
    """A ring as a share of the fleet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    share: Annotated[float, Field(gt=0, le=1)]
    """Of all devices, together with the rings before; the last should be 1."""
    error_threshold: Share = 0.0


class AutomaticRollout(BaseModel):
    """The rollout that starts automatically when a model is promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: tuple[str, ...] = ("*",)
    """Names of devices, with ``*`` and ``?``."""
    where: dict[str, str] = {}
    """What their attributes have to be, as ``site = "berlin"``; ``*`` and ``?`` allowed. Devices
    that a model is not for are left out in any case."""
    rings: tuple[RingShare, ...] = (
        RingShare(name="canary", share=0.1),
        RingShare(name="all", share=1.0, error_threshold=0.1),
    )
    timeouts: StepTimeouts = StepTimeouts()
    shadow_readings: Annotated[int, Field(ge=0)] = 200
    soak_readings: Annotated[int, Field(ge=0)] = 400


class RequestConfig(BaseModel):
    """Settings of the ``deploy.request`` stage: ``[stages."deploy.request"]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[ModelName, AutomaticRollout] = {}
    """Models that are rolled out as soon as they are promoted; others wait for
    ``lineal deploy start``."""
