"""Requests a rollout when a model is promoted."""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import ceil

from lineal import Context
from lineal.errors import ObjectMissing
from lineal_catalog.devices.targets import DeviceProfile, divide, profile_of
from lineal_consumers.deploy.config import AutomaticRollout, RequestConfig
from lineal_consumers.deploy.package import NoPackage, features_of
from lineal_schemas.deployments import DeploymentRequested, Ring, RolloutPlan
from lineal_schemas.ids import rollout_id
from lineal_schemas.models import ModelPromoted, ModelRolledBack
from lineal_schemas.telemetry import DeviceBirth, DeviceRemoved

_DEVICE = "device/"
_LOOK_SECONDS = 60.0


async def remember_device(birth: DeviceBirth, ctx: Context[RequestConfig]) -> None:
    """Add a device to the fleet, or what it says anew of itself."""
    key, profile = f"{_DEVICE}{birth.device}", profile_of(birth)
    if await ctx.state.get(key, bytes) != profile.model_dump_json().encode():
        await ctx.state.put(key, profile)


async def forget_device(removal: DeviceRemoved, ctx: Context[RequestConfig]) -> None:
    """Take a device out of the fleet."""
    await ctx.state.delete(f"{_DEVICE}{removal.device}")


async def request_for(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RequestConfig]
) -> DeploymentRequested | None:
    """The rollout that follows a promotion; None where the model has no automatic rollout."""
    settings = ctx.config.models.get(change.name)
    if settings is None:
        ctx.annotate(rollout="by_hand")
        return None
    known = {
        key.removeprefix(_DEVICE): _profile(kept)
        for key, kept in await ctx.state.items(_DEVICE, bytes)
        if any(fnmatchcase(key.removeprefix(_DEVICE), pattern) for pattern in settings.devices)
    }
    features: tuple[str, ...] = ()
    if any(profile.features for profile in known.values()):
        features = await _scored_by(change, ctx)
    devices, others = divide(known, model=change.name, features=features, where=settings.where)
    if others:
        ctx.annotate(left_out=len(others))
    if not devices:
        ctx.annotate(rollout="no_devices")
        return None
    ctx.record_kind = "deploy"
    ctx.objects.add_input(change.artifact, "model")
    # The number that the change has, where another act took the one that its author expected.
    in_use = await ctx.artifact(change.name)
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


def _profile(kept: bytes) -> DeviceProfile:
    # former versions kept a 1 of each device, and nothing of what it says
    return DeviceProfile() if kept == b"1" else DeviceProfile.model_validate_json(kept)


async def _scored_by(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RequestConfig]
) -> tuple[str, ...]:
    """What a model scores; nothing where that cannot be said: the deploy stage says why."""
    try:
        file = await ctx.objects.path(change.artifact, "model")
        return tuple(await ctx.run(features_of, file, seconds=_LOOK_SECONDS))
    except (NoPackage, ObjectMissing):
        return ()


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
