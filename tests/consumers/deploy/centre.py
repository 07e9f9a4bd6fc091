"""The deploy stage without a bus, and a clock that a test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from lineal.artifact_in_use import ArtifactInUse
from lineal.lineage.record import RecordedStep
from lineal.testing import StageHarness
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
    """The deploy stage, step by step, on a clock that a test turns; see :func:`open_centre`."""

    def __init__(self, harness: StageHarness, key: PublicKey, artifact: ObjectRef) -> None:
        self.harness = harness
        self.key = key
        self.model = graph()
        self.artifact = artifact
        self.actor: str | None = "user:ann"
        self._sent_at = 0
        self._kept: dict[str, bytes] = {}

    @property
    def events(self) -> list[Payload]:
        """All that was emitted."""
        return self.harness.outputs(Payload)

    @property
    def now(self) -> int:
        return self.harness.clock.now()

    @property
    def record(self) -> RecordedStep:
        """Of the last event that was sent, not of those that followed from it."""
        return self.harness.records[self._sent_at]

    async def send(self, payload: Payload) -> list[Payload]:
        """Have the stage handle an event, and those it sends itself."""
        self._sent_at = len(self.harness.records)
        made = await self.harness.send(payload, actor=self.actor)
        assert not self.harness.dead_letters, self.harness.dead_letters[0].traceback
        await self._look()
        return made

    async def wait(self, seconds: float) -> list[Payload]:
        """Let time pass, with every timer on its second."""
        before = len(self.events)
        await self.harness.clock.advance(seconds)
        await self._look()
        return self.events[before:]

    async def sleep(self, seconds: float) -> list[Payload]:
        """Let time pass while no daemon runs, and start one again."""
        self.harness.clock.skip(seconds)
        return await self.wait(0)

    async def timers(self) -> dict[str, int]:
        return await self.harness.timers(stage.deploy)

    async def _look(self) -> None:
        self._kept = await self.harness.state_items(stage.deploy, "", bytes)

    async def start(
        self, *rings: Ring, rollout: str = "r1", version: int = 1, **fields: Any
    ) -> list[Payload]:
        """Ask for a rollout of the model, which was put into use."""
        model = ModelRef(name="turbine", version=version, sha256=self.artifact.sha256)
        asked = ModelRef.model_validate(fields.get("model", model))
        known = self.harness.artifacts.get(asked.name)
        if known is None or known.counter < version or known.sha256 != asked.sha256:
            self.put_into_use(max(version, known.counter if known else 0), asked)
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

    def put_into_use(self, counter: int, model: ModelRef) -> None:
        """As a promotion in the ledger does."""
        ref = self.artifact
        self.harness.artifacts[model.name] = ArtifactInUse(
            model.name, counter, model.version, model.sha256, ref.bytes, ref.media_type
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
        return JobRecord.model_validate_json(self._kept[job_key(rollout, device)])

    def rollout(self, rollout: str = "r1") -> RolloutRecord:
        return RolloutRecord.model_validate_json(self._kept[rollout_key(rollout)])

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


@asynccontextmanager
async def open_centre(folder: Path, **config: Any) -> AsyncIterator[Centre]:
    """A centre with a key of its own."""
    key = make_key(folder / "deploy.pem")
    settings = {"key_file": folder / "deploy.pem", "grace_seconds": 10, **config}
    deploy_config = DeployConfig(**settings)
    async with StageHarness(stage.deploy, config=deploy_config, start_us=START) as harness:
        yield Centre(harness, key, await harness.put(graph()))


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
