"""The state of a rollout, and the decisions that follow from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal_schemas.deployments import (
    FINAL_STATES,
    JobState,
    RingResult,
    RolloutKind,
    RolloutPlan,
    StepTimeouts,
)
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef

DEVICE_STATES: frozenset[JobState] = frozenset(
    (
        *("IN_PROGRESS", "DOWNLOADED", "VERIFIED", "SHADOW"),
        *("ACTIVE_UNCONFIRMED", "SUCCEEDED", "FAILED", "ROLLED_BACK"),
    )
)
"""What a device may report; the other states are the server's to set."""

BEFORE_ACTIVATION: frozenset[JobState] = frozenset(
    ("QUEUED", "IN_PROGRESS", "DOWNLOADED", "VERIFIED", "SHADOW")
)


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class JobRecord(_Kept):
    """One device's job."""

    job_id: str
    device: str
    ring: int
    state: JobState = "QUEUED"
    version: int = 1
    deadline_us: int
    extended: bool = False
    """The deadline was extended once, because no worker ran when it passed."""
    reason: str | None = None
    updated_us: int

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES


class RingRecord(_Kept):
    """How far a ring has come."""

    name: str
    devices: int
    error_threshold: float
    issued: int = 0
    succeeded: int = 0
    failed: int = 0
    rolled_back: int = 0
    cancelled: int = 0

    def counted(self, state: JobState, by: int = 1) -> RingRecord:
        """With one more job that ended so."""
        field = {
            "SUCCEEDED": "succeeded",
            "ROLLED_BACK": "rolled_back",
            "CANCELLED": "cancelled",
        }.get(state, "failed")
        return self.model_copy(update={field: getattr(self, field) + by})

    @property
    def result(self) -> RingResult:
        return RingResult(
            succeeded=self.succeeded,
            failed=self.failed,
            rolled_back=self.rolled_back,
            cancelled=self.cancelled,
        )

    @property
    def over_threshold(self) -> bool:
        """More of its devices failed than may."""
        return self.failed + self.rolled_back > self.error_threshold * self.devices

    @property
    def all_ended(self) -> bool:
        ended = self.succeeded + self.failed + self.rolled_back + self.cancelled
        return ended >= self.devices


class RolloutRecord(_Kept):
    """A rollout."""

    rollout_id: str
    status: Literal["unsigned", "running", "paused", "aborted", "completed"]
    """``unsigned``: it waits for more signatures of its package."""
    kind: RolloutKind = "model"
    model: ModelRef
    agent_version: str | None = None
    """Of a release of the agent."""
    counter: int
    artifact: ObjectRef
    plan: ObjectRef
    """JSON of the :class:`~lineal_schemas.deployments.RolloutPlan`: it may name many devices."""
    epoch: int = 0
    package: ObjectRef
    """JSON of the :class:`~lineal_schemas.deployments.SignedPackage`."""
    timeouts: StepTimeouts
    shadow_readings: int
    soak_readings: int
    rings: tuple[RingRecord, ...]
    ring: int = 0
    by: str
    reason: str | None = None
    started_us: int
    updated_us: int

    @property
    def what(self) -> str:
        """What is rolled out, for people."""
        if self.agent_version is not None:
            return f"{self.model.name} {self.agent_version}"
        return f"{self.model.name} {self.model.version}"

    @property
    def over(self) -> bool:
        return self.status in ("aborted", "completed")

    def with_ring(self, ring: RingRecord, index: int) -> RolloutRecord:
        rings = (*self.rings[:index], ring, *self.rings[index + 1 :])
        return self.model_copy(update={"rings": rings})

    @property
    def result(self) -> RingResult:
        """Of all rings together."""
        return RingResult(
            succeeded=sum(ring.succeeded for ring in self.rings),
            failed=sum(ring.failed for ring in self.rings),
            rolled_back=sum(ring.rolled_back for ring in self.rings),
            cancelled=sum(ring.cancelled for ring in self.rings),
        )


class RejectedRecord(_Kept):
    """The last request of a model's rollout that was refused."""

    rollout_id: str
    model: ModelRef
    by: str
    reason: str
    requested_us: int


class ModelRecord(_Kept):
    """The rollouts of one model's name, the newest last."""

    counter: int
    """Within the epoch."""
    rollouts: tuple[str, ...]
    epoch: int = 0


def rollout_key(rollout_id: str) -> str:
    return f"rollout/{rollout_id}"


def rejected_key(model: str) -> str:
    return f"rejected/{model}"


def job_prefix(rollout_id: str) -> str:
    return f"job/{rollout_id}/"


def job_key(rollout_id: str, device: str) -> str:
    return f"{job_prefix(rollout_id)}{device}"


class OpenJobRecord(_Kept):
    """A job that has not ended, by its device: devices do one at a time."""

    number: int
    """In the order in which they were issued, from 1."""


def open_job_key(device: str, job_id: str) -> str:
    return f"{open_jobs_prefix(device)}{job_id}"


def open_jobs_prefix(device: str) -> str:
    """Of the :class:`OpenJobRecord` of a device."""
    return f"open/{device}/"


def numbers_key(kind: RolloutKind, name: str) -> str:
    """Of the :class:`ModelRecord`."""
    return f"{kind}/{name}"


def seconds_for(state: JobState, timeouts: StepTimeouts) -> float:
    """How long a device may take until its next report."""
    return {
        "QUEUED": timeouts.answer,
        "IN_PROGRESS": timeouts.download,
        "DOWNLOADED": timeouts.verify,
        "VERIFIED": timeouts.verify,
        "SHADOW": timeouts.shadow,
    }.get(state, timeouts.soak)


def rings_of(plan: RolloutPlan) -> tuple[RingRecord, ...]:
    """The rings of a plan before anything has happened.

    Raises:
        ValueError: a device is in it twice.
    """
    devices = [device for ring in plan.rings for device in ring.devices]
    if len(set(devices)) != len(devices):
        raise ValueError("a device is in two rings, or twice in one")
    return tuple(
        RingRecord(name=ring.name, devices=len(ring.devices), error_threshold=ring.error_threshold)
        for ring in plan.rings
    )
