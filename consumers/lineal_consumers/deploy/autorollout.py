"""Requests a rollout when a model is promoted."""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import ceil

from lineal import Context
from lineal_consumers.deploy.config import AutomaticRollout, RequestConfig
from lineal_schemas.deployments import DeploymentRequested, Ring, RolloutPlan
from lineal_schemas.ids import rollout_id
from lineal_schemas.models import ModelPromoted, ModelRolledBack
from lineal_schemas.telemetry import DeviceBirth

_DEVICE = "device/"


async def remember_device(birth: DeviceBirth, ctx: Context[RequestConfig]) -> None:
    """Add a device to the fleet, at its first birth."""
    key = f"{_DEVICE}{birth.device}"
    if await ctx.state.get(key, bytes) is None:
        await ctx.state.put(key, b"1")


async def request_for(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RequestConfig]
) -> DeploymentRequested | None:
    """The rollout that follows a promotion; None where the model has no automatic rollout."""
    settings = ctx.config.models.get(change.name)
    if settings is None:
        ctx.annotate(rollout="by_hand")
        return None
    known = [key.removeprefix(_DEVICE) for key, _ in await ctx.state.items(_DEVICE, bytes)]
    devices = [
        device
        for device in known
        if any(fnmatchcase(device, pattern) for pattern in settings.devices)
    ]
    if not devices:
        ctx.annotate(rollout="no_devices")
        return None
    ctx.record_kind = "deploy"
    ctx.objects.add_input(change.artifact, "model")
    # The number that the change has, where another act took the one that its author expected.
    in_use = await ctx.model(change.name)
    counter = change.counter
    if in_use is not None and in_use.sha256 == change.model.sha256:
        counter = max(counter, in_use.counter)
    return DeploymentRequested(
        rollout_id=rollout_id(change.model.sha256, ctx.event.id),
        model=change.model,
        artifact=change.artifact,
        counter=counter,
        plan=RolloutPlan(
            rings=rings(devices, settings),
            timeouts=settings.timeouts,
            shadow_readings=settings.shadow_readings,
            soak_readings=settings.soak_readings,
        ),
        by=change.by,
        requested_us=ctx.event.time,
    )


def rings(devices: list[str], settings: AutomaticRollout) -> tuple[Ring, ...]:
    """Devices in rings: each takes its share of all, together with the rings before it."""
    made: list[Ring] = []
    begin = 0
    for ring in settings.rings:
        end = min(len(devices), ceil(ring.share * len(devices)))
        if end > begin:
            made.append(
                Ring(
                    name=ring.name,
                    devices=tuple(devices[begin:end]),
                    error_threshold=ring.error_threshold,
                )
            )
            begin = end
    return tuple(made)
