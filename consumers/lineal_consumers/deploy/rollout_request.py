"""Asks for the rollout of the model in use: to the devices that it is for, in rings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import ceil
from pathlib import Path
from typing import NamedTuple

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.errors import LinealError, UnknownTopic
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal.settings import Settings
from lineal.store.objects import reference
from lineal_catalog.devices.targets import divide, profile_of
from lineal_catalog.models.promotions import Promotion, model_in_use
from lineal_schemas.deployments import DeploymentRequested, Ring, RolloutPlan
from lineal_schemas.envelope import decode, first_event, now_us
from lineal_schemas.ids import rollout_id
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.telemetry import DeviceBirth, DeviceRemoved

CANARY, ALL = "canary", "all"
"""The rings where none are named: a tenth of the devices, then the others."""
_CANARY_SHARE, _REST_THRESHOLD = 0.1, 0.1


class RolloutNotRequested(LinealError):
    """A rollout cannot be asked for, and why."""


class Targets(NamedTuple):
    """The devices that a rollout would reach."""

    devices: list[str]
    """In the order of their names."""
    others: dict[str, str]
    """Those that it is not for, with the reason."""


def key_problem(settings: Settings) -> str:
    """Why packages cannot be signed on this machine; empty where they can."""
    found = settings.stages.get("deploy", {}).get("key_file")
    if not found:
        return "no key signs packages here ([stages.deploy] key_file)"
    file = Path(str(found))
    try:
        there = file.exists()
    except PermissionError:
        there = True  # its folder is not ours to look into
    return "" if there else f"the key that signs packages is not there, {file}"


async def model_to_roll_out(runtime: Runtime, name: str) -> Promotion:
    """The version of a model that is in use: no other one goes to devices.

    Raises:
        RolloutNotRequested: none is.
    """
    in_use = await runtime.store.read(lambda connection: model_in_use(connection, name))
    if in_use is None:
        raise RolloutNotRequested(f"no version of {name} is in use: promote one first")
    return in_use


async def targets(runtime: Runtime, model: Promotion | None, where: Mapping[str, str]) -> Targets:
    """The devices that a model is for: those that measure all that it scores, are of its kind,
    where they say so, and whose attributes are ``where``'s.

    Args:
        model: None: something that is for all devices.
    """
    births = await _births(runtime)
    known = {device: profile_of(birth) for device, birth in births.items()}
    features = () if model is None else await _scored_by(runtime, artifact_of(model))
    name = None if model is None else model.name
    return Targets(*divide(known, model=name, features=features, where=where))


def artifact_of(model: Promotion) -> ObjectRef:
    """The model's file."""
    return reference(model.sha256, model.bytes, model.media_type)


async def request_rollout(
    runtime: Runtime, model: Promotion, plan: RolloutPlan, *, by: Credential, source: str
) -> DeploymentRequested:
    """Ask the deploy stage for the rollout of a model.

    Args:
        source: of the event that asks.

    Raises:
        NotPermitted: who asks may not.
    """
    by.require("deploy")
    now = now_us()
    request = DeploymentRequested(
        rollout_id=rollout_id(model.sha256, f"hand {now}"),
        model=ModelRef(name=model.name, version=model.version, sha256=model.sha256),
        artifact=artifact_of(model),
        counter=model.counter,
        plan=plan,
        by=by.actor,
        requested_us=now,
    )
    event = first_event(request, id=request.rollout_id, source=source, actor=request.by)
    await publish_acts(runtime, [event])
    return request


def rings_of(
    reached: Targets, wanted: Mapping[str, str], thresholds: Mapping[str, float]
) -> tuple[Ring, ...]:
    """The rings that were asked for, or a tenth of the devices and then all.

    Args:
        wanted: names or patterns of devices, separated by commas, by the ring's name.
        thresholds: which share of a ring's devices may fail, by its name.

    Raises:
        RolloutNotRequested: there is no device for a ring, or for any.
    """
    left = list(reached.devices)
    devices: dict[str, tuple[str, ...]] = {}
    if not wanted:
        canary = ceil(len(left) * _CANARY_SHARE)
        devices = {CANARY: tuple(left[:canary]), ALL: tuple(left[canary:])}
        thresholds = {ALL: _REST_THRESHOLD, **thresholds}
    for name, patterns in wanted.items():
        chosen: list[str] = []
        for pattern in patterns.split(","):
            chosen += (matching := _matching(pattern, left, reached, name))
            left = [device for device in left if device not in matching]
        if not chosen:
            raise RolloutNotRequested(f"ring {name}: no device is called {patterns}")
        devices[name] = tuple(chosen)
    if not any(devices.values()) and reached.others:
        device = min(reached.others)
        raise RolloutNotRequested(
            f"it is for no device here: of {device}, {reached.others[device]}"
        )
    if not any(devices.values()):
        raise RolloutNotRequested(
            "no device was ever connected: name them with --ring NAME=DEVICE,..."
        )
    return tuple(
        Ring(name=name, devices=members, error_threshold=thresholds.get(name, 0.0))
        for name, members in devices.items()
        if members
    )


def _matching(pattern: str, left: Sequence[str], reached: Targets, ring: str) -> list[str]:
    if pattern in reached.others:
        raise RolloutNotRequested(
            f"ring {ring}: it is not for {pattern}: {reached.others[pattern]}"
        )
    found = [device for device in left if fnmatchcase(device, pattern)]
    if not found and not set("*?[") & set(pattern) and pattern not in reached.devices:
        return [pattern]  # one that has not been connected yet
    return found


async def _scored_by(runtime: Runtime, artifact: ObjectRef) -> tuple[str, ...]:
    """The features that a model's file needs; none where that cannot be said here."""
    try:
        from lineal_scoring.model import ModelError, ScoringModel
    except ImportError:  # without lineal[models]
        return ()
    try:
        data = await runtime.objects.get(artifact)
        model = await asyncio.to_thread(ScoringModel, data)
    except (LinealError, ModelError):
        return ()  # the deploy stage says what is wrong with it
    return model.preparation.features


async def _births(runtime: Runtime) -> dict[str, DeviceBirth]:
    """The last birth of all devices that have been connected, and were not removed since."""
    births: dict[str, DeviceBirth] = {}
    last: dict[str, dict[str, int]] = {DeviceBirth.type: {}, DeviceRemoved.type: {}}
    for kind, times in last.items():
        try:
            async for delivery in read_admitted(runtime, kind):
                times[delivery.event.partitionkey] = delivery.event.time
                said = decode(delivery.event).data
                if isinstance(said, DeviceBirth):
                    births[said.device] = said
        except UnknownTopic:
            continue
    removed = last[DeviceRemoved.type]
    return {
        device: births[device]
        for device, born in last[DeviceBirth.type].items()
        if born > removed.get(device, -1)
    }
