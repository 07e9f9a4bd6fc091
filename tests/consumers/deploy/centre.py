"""The deploy stage with its context in memory, and a clock that a test sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from lineal_consumers.deploy import stage
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.keys import PublicKey, make_key
from lineal_consumers.deploy.rollout import JobRecord, RolloutRecord, job_key, rollout_key
from lineal_schemas.deployments import (
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobUpdated,
    DeploymentRequested,
    JobDocument,
    JobReply,
    JobState,
    Ring,
    RolloutPlan,
    StepTimeouts,
)
from lineal_schemas.ids import job_id
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from tests.consumers.context import MemoryContext, event_of, handled
from tests.edge.update.graphs import graph

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
WAY: tuple[JobState, ...] = (
    "IN_PROGRESS",
    "DOWNLOADED",
    "VERIFIED",
    "SHADOW",
    "ACTIVE_UNCONFIRMED",
    "SUCCEEDED",
)
TIMEOUTS = StepTimeouts(download=60, verify=30, shadow=120, soak=240, answer=100)

P = TypeVar("P", bound=Payload)


class Centre:
    """What a daemon with the stage would be, step by step."""

    def __init__(self, folder: Path, monkeypatch: Any, **config: Any) -> None:
        self.now = START
        monkeypatch.setattr(MemoryContext, "now", lambda _: self.now)
        self.key: PublicKey = make_key(folder / "deploy.pem")
        settings = {"key_file": folder / "deploy.pem", "grace_seconds": 10, **config}
        self.ctx = MemoryContext(folder, DeployConfig(**settings))
        self.events: list[Payload] = []
        self.model = graph()
        self.artifact: ObjectRef = self.ctx.objects.add(self.model, "application/octet-stream")
        self._sent = 0

    async def send(self, payload: Payload) -> list[Payload]:
        """Have the stage handle an event, and those it sends itself."""
        self._sent += 1
        self.ctx.record_kind = "step"
        self.ctx.attributes = {}
        made = await handled(stage.deploy, event_of(payload, f"event-{self._sent}"), self.ctx)
        kind, facts = self.ctx.record_kind, self.ctx.attributes
        self.events += made
        for event in made:
            if type(event) in stage.deploy.inputs:
                made = [*made, *await self.send(event)]
        self.ctx.record_kind, self.ctx.attributes = kind, facts
        return made

    async def wait(self, seconds: float) -> list[Payload]:
        """Let time pass, with every timer on its second."""
        made: list[Payload] = []
        end = self.now + round(seconds * SECOND)
        while True:
            due = min(self.ctx.timers.alarms.items(), key=lambda item: item[1][0], default=None)
            if due is None or due[1][0] > end:
                self.now = end
                return made
            name, (at, payload) = due
            del self.ctx.timers.alarms[name]
            self.now = max(self.now, at)
            made += await self.send(payload)

    async def sleep(self, seconds: float) -> list[Payload]:
        """Let time pass while no daemon runs, and start one again."""
        self.now += round(seconds * SECOND)
        made: list[Payload] = []
        for name, (at, payload) in list(self.ctx.timers.alarms.items()):
            if at <= self.now:
                del self.ctx.timers.alarms[name]
                made += await self.send(payload)
        return made

    async def start(
        self, *rings: Ring, rollout: str = "r1", version: int = 1, **fields: Any
    ) -> list[Payload]:
        """Ask for a rollout of the model."""
        model = ModelRef(name="turbine", version=version, sha256=self.artifact.sha256)
        return await self.send(
            DeploymentRequested.model_validate(
                {
                    "rollout_id": rollout,
                    "model": model,
                    "artifact": self.artifact,
                    "counter": version,
                    "plan": RolloutPlan(rings=rings, timeouts=TIMEOUTS),
                    "by": "ann",
                    "requested_us": self.now,
                    **fields,
                }
            )
        )

    async def report(
        self,
        device: str,
        *states: JobState,
        rollout: str = "r1",
        version: int | None = None,
        reason: str | None = None,
    ) -> list[Payload]:
        """A device's reports, each from the state the job has (or from ``version``)."""
        made: list[Payload] = []
        for state in states:
            known = version if version is not None else self.job(device, rollout).version
            made += await self.send(
                DeploymentJobUpdated(
                    rollout_id=rollout,
                    job_id=job_id(rollout, device),
                    device=device,
                    state=state,
                    expected_version=known,
                    model=ModelRef(name="turbine", version=1, sha256=self.artifact.sha256),
                    reason=reason,
                    wall_us=self.now,
                )
            )
        return made

    def job(self, device: str, rollout: str = "r1") -> JobRecord:
        return JobRecord.model_validate_json(self.ctx.state.kept[job_key(rollout, device)])

    def rollout(self, rollout: str = "r1") -> RolloutRecord:
        return RolloutRecord.model_validate_json(self.ctx.state.kept[rollout_key(rollout)])

    def jobs_given(self, events: list[Payload]) -> list[str]:
        """Devices that were given a job to do."""
        return [
            event.device for event in of(events, DeploymentJobIssued) if event.job.state == "QUEUED"
        ]

    def notice(self, device: str) -> JobDocument:
        """What a device was last told."""
        return [e.job for e in of(self.events, DeploymentJobIssued) if e.device == device][-1]

    def replies(self, events: list[Payload]) -> list[JobReply]:
        return [event.reply for event in of(events, DeploymentJobReplied)]


def of(events: list[Payload], kind: type[P]) -> list[P]:
    """The events of one type."""
    return [event for event in events if isinstance(event, kind)]


def types(events: list[Payload]) -> list[str]:
    """Their types, without what only devices are told."""
    return [
        event.type.removeprefix("deployment.")
        for event in events
        if event.type not in ("deployment.job_issued", "deployment.job_replied")
    ]


def ring(name: str, *devices: str, threshold: float = 0.0) -> Ring:
    return Ring(name=name, devices=devices, error_threshold=threshold)
