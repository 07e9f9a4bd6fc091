"""Payloads of serving: a model is tested, tried on a share of the requests, and takes all or none.

A rollout is of one version of one model. All of its events have the key of the model's name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelEvent, ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.telemetry import Micros

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16",
    "FP32", "FP64", "BYTES",
]  # fmt: skip
"""As the Open Inference Protocol (KServe, version 2) names them."""
Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Tensor(_Frozen):
    """An input or output of a model."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    """-1 where any size is taken; the first is the rows of a batch."""


class ServingCheck(_Frozen):
    """One test of a package and how it came out."""

    name: str
    value: float
    limit: float
    rule: Literal["at_least", "at_most"] = "at_most"
    passed: bool
    message: str = ""
    """What is wrong, and what to do."""


class ServingPackage(_Frozen):
    """What a server needs to answer with a model; stored as JSON."""

    model: ModelRef
    artifact: ObjectRef
    golden: ObjectRef
    """Inputs with the answers recorded when the model was evaluated."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    score: str
    """The output whose distribution is watched."""


class ServingRequested(ModelEvent, type="serving.requested", version=1):
    """From now on versions of a model that go into use are to be served."""

    by: str
    requested_us: Micros


class ServingTested(ModelEvent, type="serving.tested", version=1):
    """A package was made of the very model that went into use, and tested."""

    rollout_id: str
    model: ModelRef
    cause: Literal["requested", "promoted", "rolled_back"]
    passed: bool
    checks: tuple[ServingCheck, ...]
    package: ObjectRef | None = None
    """JSON of a :class:`ServingPackage`; None where none could be made."""
    by: str
    """Who or what has put it into use."""


class ServingRolloutEvent(ModelEvent):
    """What all events of one rollout have in common."""

    rollout_id: str
    model: ModelRef
    """The version that is rolled out."""


class ServingShadowStarted(ServingRolloutEvent, type="serving.shadow_started", version=1):
    """A version computes answers beside the one that gives them."""


class ServingCanaryStarted(ServingRolloutEvent, type="serving.canary_started", version=1):
    """A version answers a share of the requests."""

    share: Share
    step: Annotated[int, Field(ge=0)]


class ServingRolledBack(ServingRolloutEvent, type="serving.rolled_back", version=1):
    """A version answers no request any more; the one before answers all."""

    reason: str
    measure: Literal["errors", "latency", "memory", "scores", "withdrawn", "superseded",
                     "aborted"]  # fmt: skip
    stable: ModelRef | None = None
    """What answers now; None: nothing ever did."""
    by: str


class ServingCompleted(ServingRolloutEvent, type="serving.completed", version=1):
    """A version answers all requests."""

    previous: ModelRef | None = None


class ServingPaused(ServingRolloutEvent, type="serving.paused", version=1):
    """A version keeps its share: it gets no more, and can still be rolled back."""

    by: str
    reason: str | None = None


class ServingResumed(ServingRolloutEvent, type="serving.resumed", version=1):
    """A paused rollout goes on."""

    by: str


class ServingControl(ModelEvent, type="serving.control", version=1):
    """Somebody pauses, resumes or aborts the rollout of a model."""

    action: Literal["pause", "resume", "abort"]
    by: str
    reason: str | None = None
    requested_us: Micros


class ServingFigures(_Frozen):
    """What a version did since a server reported last."""

    requests: Annotated[int, Field(ge=0)] = 0
    errors: Annotated[int, Field(ge=0)] = 0
    """Requests that the model failed at: crashed, took too long, answered with no number. What is
    wrong with a request itself is none."""
    latency_counts: tuple[int, ...] = ()
    """Requests by the time the model took, in classes whose upper ends grow by a quarter each from
    0.1 ms."""
    scores: tuple[float, ...] = ()
    """A sample of what it answered."""
    memory_grown_mb: float = 0.0
    """By which its process has grown since it was warm."""


class ServingMeasured(ModelEvent, type="serving.measured", version=1):
    """A server reports how the versions of a rollout do."""

    rollout_id: str
    step: Annotated[int, Field(ge=0)]
    """The step of the rollout in which these requests were answered."""
    server: str
    candidate: ServingFigures
    stable: ServingFigures
    measured_us: Micros
