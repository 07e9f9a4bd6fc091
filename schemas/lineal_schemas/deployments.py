"""Payloads of rollouts: signed packages, jobs of devices, rings.

A job follows the style of AWS IoT Jobs: the device is sent its next job, reports every step, and
each report names the version of the job's state it was made from (``expected_version``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import InputSchema, ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Labels, Payload
from lineal_schemas.telemetry import DeviceId, Micros, Value

JobState = Literal[
    "QUEUED",
    "IN_PROGRESS",
    "DOWNLOADED",
    "VERIFIED",
    "SHADOW",
    "ACTIVE_UNCONFIRMED",
    "SUCCEEDED",
    "FAILED",
    "ROLLED_BACK",
    "TIMED_OUT",
    "CANCELLED",
]
"""The state of a device's job. QUEUED, TIMED_OUT and CANCELLED are set by the server, the others by
the device; SUCCEEDED only after the soak."""

FINAL_STATES: frozenset[JobState] = frozenset(
    ("SUCCEEDED", "FAILED", "ROLLED_BACK", "TIMED_OUT", "CANCELLED")
)

SIGNING_PREFIX = b"lineal model package 1\n"
"""Goes before the manifest's bytes when they are signed: a signature made for anything else is none
for a package."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class GoldenWindow(_Frozen):
    """A window of readings and the score the model has to give for it."""

    values: tuple[tuple[Value, ...], ...]
    """``length`` rows × channels, prepared as the model's graph takes them."""
    score: float


class PackageManifest(_Frozen):
    """What a device has to know to trust and use a model file."""

    model: ModelRef
    bytes: Annotated[int, Field(ge=1)]
    """Length of the model file."""
    input_schema: InputSchema
    threshold: float
    golden: tuple[GoldenWindow, ...] = ()
    """None where the model's file carries its own, as those of photos are too large for a
    message: the digest of the file is signed."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-5
    """Largest difference from a golden score, relative to max(1, |score|)."""
    counter: Annotated[int, Field(ge=1)]
    """A device takes none lower than the highest it ever confirmed."""
    created_us: Micros
    expires_us: Micros
    """Wall clock after which a device does not install it any more."""
    fleet: str | None = None
    """The fleet that it is for: devices of another, or of none, do not use it. None: for all who
    trust the key."""
    epoch: Annotated[int, Field(ge=0)] = 0
    """Counters are compared within an epoch. Devices with a root of trust use packages of its epoch
    alone."""


RolloutKind = Literal["model", "agent"]
"""What is rolled out: a model, or the device agent itself."""

AGENT = "lineal-edge"
"""The name under which releases of the agent are numbered."""


class AgentManifest(_Frozen):
    """What a device has to know to trust and install a release of its agent: a ZIP of wheels."""

    kind: Literal["agent"]
    release: ModelRef
    """Its name, number and digest."""
    agent_version: str
    """What the agent says of itself once it runs."""
    bytes: Annotated[int, Field(ge=1)]
    """Length of the ZIP."""
    counter: Annotated[int, Field(ge=1)]
    created_us: Micros
    expires_us: Micros
    fleet: str | None = None
    epoch: Annotated[int, Field(ge=0)] = 0
    """These as in :class:`PackageManifest`."""


class PackageSignature(_Frozen):
    """One key's signature of a package."""

    key_id: str
    signature: str
    """Base64 of the Ed25519 signature over ``SIGNING_PREFIX`` + the manifest's UTF-8 bytes."""


class SignedPackage(_Frozen):
    """A manifest as the text that was signed, so that it can be verified as it is."""

    manifest: str
    """JSON of a :class:`PackageManifest`, or of an :class:`AgentManifest`."""
    key_id: str
    signature: str
    """Base64 of the Ed25519 signature over ``SIGNING_PREFIX`` + the manifest's UTF-8 bytes."""
    signatures: tuple[PackageSignature, ...] = ()
    """Of further keys, where a root of trust asks for more than one."""

    @property
    def all_signatures(self) -> tuple[PackageSignature, ...]:
        """The first one, and those of further keys."""
        first = PackageSignature(key_id=self.key_id, signature=self.signature)
        return (first, *self.signatures)


class StepTimeouts(_Frozen):
    """Seconds a device has for each step, held by the device and by the server alike."""

    download: Annotated[float, Field(gt=0)] = 600
    verify: Annotated[float, Field(gt=0)] = 60
    shadow: Annotated[float, Field(gt=0)] = 300
    soak: Annotated[float, Field(gt=0)] = 600
    answer: Annotated[float, Field(gt=0)] = 600
    """From the notification to the first report: a silent device has failed then."""


class DeploymentEvent(Payload):
    """What all events of one rollout have in common."""

    model_config = ConfigDict(protected_namespaces=())

    rollout_id: str

    def partition_key(self) -> str:
        return self.rollout_id

    def correlation_key(self) -> str:
        return f"rollout:{self.rollout_id}"


class JobDocument(_Frozen):
    """What a device is asked to do; retained on its notify topic until it is done."""

    job_id: str
    rollout_id: str
    device: DeviceId
    version: Annotated[int, Field(ge=1)]
    """Of the job's state on the server: what the next update has to expect."""
    state: JobState = "QUEUED"
    kind: RolloutKind = "model"
    package: SignedPackage
    url: str
    """Where the model file is; supports HTTP Range."""
    timeouts: StepTimeouts = StepTimeouts()
    shadow_readings: Annotated[int, Field(ge=0)] = 200
    """Readings scored as a shadow before the swap."""
    soak_readings: Annotated[int, Field(ge=0)] = 400
    """Readings scored after the swap before it counts as a success."""
    issued_us: Micros


class JobNotice(_Frozen):
    """The message on a device's notify topic: its next job, or none."""

    job: JobDocument | None = None
    waiting: Annotated[int, Field(ge=0)] | None = None
    """Further jobs that come when this one has ended; None: of a former version, which kept the
    newest job alone."""


class JobReply(_Frozen):
    """The server's answer to an update."""

    job_id: str
    accepted: bool
    version: Annotated[int, Field(ge=0)]
    """Of the job's state on the server now."""
    state: JobState
    reason: str | None = None
    """Why it was not accepted: ``version_mismatch``, ``unknown_job``, ``finished``."""


class Ring(_Frozen):
    """Devices that get a model at the same time."""

    name: str
    devices: Annotated[tuple[DeviceId, ...], Field(min_length=1)]
    error_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Largest share of its devices that may fail before the rollout is aborted."""


class RolloutPlan(_Frozen):
    """The rings in their order, and what holds for all of them."""

    rings: Annotated[tuple[Ring, ...], Field(min_length=1)]
    timeouts: StepTimeouts = StepTimeouts()
    shadow_readings: Annotated[int, Field(ge=0)] = 200
    soak_readings: Annotated[int, Field(ge=0)] = 400


class DeploymentRequested(DeploymentEvent, type="deployment.requested", version=1):
    """Somebody, or a promotion, asks for a rollout."""

    model: ModelRef
    artifact: ObjectRef
    counter: Annotated[int, Field(ge=1)] = 1
    """Of the promotion; see :class:`PackageManifest`."""
    plan: RolloutPlan
    by: str
    requested_us: Micros
    kind: RolloutKind = "model"
    """``agent``: ``model`` and ``artifact`` are a release of the agent, which is given its number
    when the rollout begins."""
    agent_version: str | None = None
    """Of a release of the agent."""


class DeploymentControl(DeploymentEvent, type="deployment.control", version=1):
    """Somebody pauses, resumes or aborts a rollout."""

    action: Literal["pause", "resume", "abort"]
    by: str
    reason: str | None = None
    requested_us: Micros


class DeploymentSignatureRequired(DeploymentEvent, type="deployment.signature_required", version=1):
    """A rollout waits: more keys have to sign its package than have."""

    model: ModelRef
    package: SignedPackage
    threshold: Annotated[int, Field(ge=1)]
    """Keys that have to sign it, all together."""


class DeploymentSigned(DeploymentEvent, type="deployment.signed", version=1):
    """Somebody signs the package of a rollout with a further key."""

    signature: PackageSignature
    by: str


class DeploymentStarted(DeploymentEvent, type="deployment.started", version=1):
    """A rollout has begun."""

    model: ModelRef
    package: SignedPackage
    artifact: ObjectRef
    plan: RolloutPlan
    by: str
    kind: RolloutKind = "model"


class DeploymentRingStarted(DeploymentEvent, type="deployment.ring_started", version=1):
    """The devices of the next ring have been given their jobs."""

    ring: str
    index: Annotated[int, Field(ge=0)]
    devices: tuple[DeviceId, ...]


class RingResult(_Frozen):
    """How the jobs of a ring ended."""

    succeeded: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    """FAILED, and silent or too slow (TIMED_OUT)."""
    rolled_back: Annotated[int, Field(ge=0)]
    cancelled: Annotated[int, Field(ge=0)] = 0


class DeploymentRingCompleted(DeploymentEvent, type="deployment.ring_completed", version=1):
    """All jobs of a ring have ended, within its error threshold."""

    ring: str
    index: Annotated[int, Field(ge=0)]
    result: RingResult


class DeploymentPaused(DeploymentEvent, type="deployment.paused", version=1):
    """No further ring begins until it is resumed; jobs that run go on."""

    by: str
    reason: str | None = None


class DeploymentResumed(DeploymentEvent, type="deployment.resumed", version=1):
    """A paused rollout goes on."""

    by: str


class DeploymentAborted(DeploymentEvent, type="deployment.aborted", version=1):
    """A rollout has ended before its time; jobs not begun are cancelled."""

    by: str
    reason: str
    """By a person's word, or ``error_threshold``."""
    ring: str | None = None
    result: RingResult | None = None


class DeploymentCompleted(DeploymentEvent, type="deployment.completed", version=1):
    """All rings are done."""

    model: ModelRef
    result: RingResult
    """Of all rings together."""


class DeploymentJobIssued(DeploymentEvent, type="deployment.job_issued", version=1):
    """A device is given a job, or the server changed its job's state: the bridge notifies it.

    A job in a final state clears the notify topic of its device.
    """

    device: DeviceId
    job: JobDocument


class DeploymentJobUpdated(DeploymentEvent, type="deployment.job_updated", version=1):
    """A device reports a step of its job, from its outbox."""

    job_id: str
    device: DeviceId
    state: JobState
    expected_version: Annotated[int, Field(ge=0)]
    """The version of the job's state this report was made from."""
    model: ModelRef
    """The job's model."""
    active: ModelRef | None = None
    """What scores on the device as it reports."""
    reason: str | None = None
    """Why it failed or went back: ``bad_signature``, ``golden_mismatch``, ``expired``, ..."""
    details: Labels = {}
    wall_us: Micros


class DeploymentJobReplied(DeploymentEvent, type="deployment.job_replied", version=1):
    """The server's answer to a report; the bridge sends it to the device."""

    device: DeviceId
    reply: JobReply


class DeploymentStepDue(DeploymentEvent, type="deployment.step_due", version=1):
    """The deploy stage's own alarm clock: time to look at a job's deadline, or to give more devices
    of a ring their jobs."""

    what: Literal["job", "ring"]
    device: DeviceId | None = None
    """Whose job."""
    job_version: Annotated[int, Field(ge=0)] = 0
    """Of the job's state the deadline was for."""
    ring: Annotated[int, Field(ge=0)] = 0


class DeploymentJobTimedOut(DeploymentEvent, type="deployment.job_timed_out", version=1):
    """A device did not report in time: it counts as failed."""

    job_id: str
    device: DeviceId
    step: JobState
    """The last state it had reported."""
    seconds: Annotated[float, Field(ge=0)]
