"""The stages of rollouts: requests, reports of devices, timeouts."""

from __future__ import annotations

from lineal import Context, stage
from lineal_consumers.deploy.autorollout import forget_device, remember_device, request_for
from lineal_consumers.deploy.config import DeployConfig, RequestConfig
from lineal_consumers.deploy.controller import RolloutController
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentControl,
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobTimedOut,
    DeploymentJobUpdated,
    DeploymentPaused,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentRingCompleted,
    DeploymentRingStarted,
    DeploymentSignatureRequired,
    DeploymentSigned,
    DeploymentStarted,
    DeploymentStepDue,
)
from lineal_schemas.models import ModelPromoted, ModelRolledBack
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth, DeviceRemoved


@stage("deploy.request", version="1", produces=DeploymentRequested, memo=False)
async def request(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RequestConfig]
) -> DeploymentRequested | None:
    """Request the rollout of a promoted model to all devices of the fleet."""
    return await request_for(change, ctx)


@request.on
async def seen(birth: DeviceBirth, ctx: Context[RequestConfig]) -> None:
    """Remember a device."""
    await remember_device(birth, ctx)


@request.on
async def removed(removal: DeviceRemoved, ctx: Context[RequestConfig]) -> None:
    """Forget a device, for those who may."""
    await ctx.require("deploy")
    await forget_device(removal, ctx)


# The state of a rollout follows from its events alone, and its deadlines are timers of its own: it
# needs no news to notice that none comes.
@stage(
    "deploy",
    version="1",
    produces=(
        DeploymentSignatureRequired,
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
    memo=False,
)
async def deploy(request: DeploymentRequested, ctx: Context[DeployConfig]) -> list[Payload]:
    """Begin a rollout."""
    controller = RolloutController(ctx)
    await controller.handle_request(request)
    return controller.events


@deploy.on
async def controlled(control: DeploymentControl, ctx: Context[DeployConfig]) -> list[Payload]:
    """Pause, resume or abort a rollout."""
    controller = RolloutController(ctx)
    await controller.handle_control(control)
    return controller.events


@deploy.on
async def signed(signed: DeploymentSigned, ctx: Context[DeployConfig]) -> list[Payload]:
    """Take a further signature of a package; with enough of them its rollout begins."""
    controller = RolloutController(ctx)
    await controller.handle_signature(signed)
    return controller.events


@deploy.on
async def updated(update: DeploymentJobUpdated, ctx: Context[DeployConfig]) -> list[Payload]:
    """Take in what a device reports of its job."""
    controller = RolloutController(ctx)
    await controller.handle_update(update)
    return controller.events


@deploy.on
async def due(due: DeploymentStepDue, ctx: Context[DeployConfig]) -> list[Payload]:
    """Look at a deadline, or give the next devices of a ring their jobs."""
    controller = RolloutController(ctx)
    await controller.due(due)
    return controller.events
