"""Rollouts: who is asked for one, and how it goes on from what devices report or fail to report."""

from __future__ import annotations

from lineal.stages import Context, stage
from lineal_consumers.deploy.conducting import Conductor
from lineal_consumers.deploy.config import DeployConfig, RequestConfig
from lineal_consumers.deploy.requesting import remember_device, request_for
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentControl,
    DeploymentEvent,
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobTimedOut,
    DeploymentJobUpdated,
    DeploymentPaused,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentRingCompleted,
    DeploymentRingStarted,
    DeploymentStarted,
    DeploymentStepDue,
)
from lineal_schemas.envelope import Event, now_us
from lineal_schemas.models import ModelPromoted, ModelRolledBack
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth


@stage(
    "deploy.request",
    version="1",
    consumes=(ModelPromoted, ModelRolledBack, DeviceBirth),
    produces=DeploymentRequested,
    config=RequestConfig,
    memo=False,
)
async def request(event: Event[Payload], ctx: Context[RequestConfig]) -> DeploymentRequested | None:
    """Ask for the rollout of a model that went into use, to the devices that were ever seen."""
    data = event.data
    if isinstance(data, DeviceBirth):
        await remember_device(data, ctx)
        return None
    assert isinstance(data, ModelPromoted | ModelRolledBack)
    return await request_for(data, event.id, event.time, ctx)


@stage(
    "deploy",
    version="1",
    consumes=(DeploymentRequested, DeploymentControl, DeploymentJobUpdated, DeploymentStepDue),
    produces=(
        DeploymentStarted,
        DeploymentRingStarted,
        DeploymentRingCompleted,
        DeploymentPaused,
        DeploymentResumed,
        DeploymentAborted,
        DeploymentCompleted,
        DeploymentControl,
        DeploymentJobIssued,
        DeploymentJobReplied,
        DeploymentJobTimedOut,
    ),
    config=DeployConfig,
    memo=False,
)
async def deploy(event: Event[DeploymentEvent], ctx: Context[DeployConfig]) -> list[Payload]:
    """Take a rollout one step on. Its state follows from its events alone, and its deadlines are
    timers of its own: it needs no news to notice that none comes."""
    conductor = Conductor(ctx, now_us())
    data = event.data
    if isinstance(data, DeploymentRequested):
        await conductor.requested(data)
    elif isinstance(data, DeploymentControl):
        await conductor.controlled(data)
    elif isinstance(data, DeploymentJobUpdated):
        await conductor.updated(data)
    else:
        assert isinstance(data, DeploymentStepDue)
        await conductor.due(data)
    return conductor.events
