"""Chooses the devices of a rollout: those a model is for, by attributes, in rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, pairs

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_schemas.deployments import Ring, StepTimeouts
    from lineal_schemas.objects import ObjectRef
    from lineal_schemas.telemetry import DeviceBirth

_CANARY, _CANARY_SHARE, _REST_THRESHOLD = "canary", 0.1, 0.1

RingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ring",
        metavar="NAME=DEVICE,...",
        help="A ring and its devices, * and ? allowed; devices of earlier rings are left out. "
        "In the order of the rings. Without: a tenth of all devices, then all.",
    ),
]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="NAME=SHARE",
        help="How many of a ring's devices may fail, from 0 (none) to 1.",
    ),
]
TimeoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--timeout",
        metavar="STEP=SECONDS",
        help="Time for a step: answer, download, verify, shadow or soak.",
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="ATTRIBUTE=VALUE",
        help="Only devices whose attribute (site, kind, firmware, ...) is so; * and ? allowed.",
    ),
]
SignedElsewhereOption = Annotated[
    bool,
    typer.Option(
        "--signed-elsewhere", help="The deploy stage runs on another machine, which has the key."
    ),
]


def require_key(settings: Settings) -> None:
    """See to it that there is a key to sign packages with, before anything is asked for.

    Raises:
        CommandFailed: the settings name none, or one that is not there.
    """
    found = settings.stages.get("deploy", {}).get("key_file")
    remedy = (
        "nothing was asked for. `lineal deploy key` makes one and prints the settings for it; "
        "where the deploy stage runs on another machine, which has the key, say --signed-elsewhere"
    )
    if not found:
        raise CommandFailed(f"no key signs packages here ([stages.deploy] key_file): {remedy}")
    file = Path(str(found))
    try:
        missing = not file.exists()
    except PermissionError:
        missing = False  # its folder is not ours to look into
    if missing:
        raise CommandFailed(f"the key that signs packages is not there, {file}: {remedy}")


async def devices_for(
    runtime: Runtime, model: str | None, artifact: ObjectRef | None, where: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The devices that a model is for, by name, and the others with the reason: those that measure
    all that it scores and are of its kind, where they say so, and whose attributes are ``where``'s.
    """
    from lineal_catalog.devices.targets import divide, profile_of

    known = {device: profile_of(birth) for device, birth in (await _births(runtime)).items()}
    features = () if artifact is None else await _scored_by(runtime, artifact)
    return divide(known, model=model, features=features, where=where)


async def _scored_by(runtime: Runtime, artifact: ObjectRef) -> tuple[str, ...]:
    """The features that a model's file needs; none where that cannot be said here."""
    from lineal.errors import LinealError

    try:
        from lineal_scoring.model import ModelError, ScoringModel
    except ImportError:  # without lineal[models]
        return ()
    try:
        data = await runtime.objects.get(artifact)
        return ScoringModel(data).preparation.features
    except (LinealError, ModelError):
        return ()  # the deploy stage says what is wrong with it


async def _births(runtime: Runtime) -> dict[str, DeviceBirth]:
    """The last birth of all devices that have been connected, and were not removed since."""
    from lineal.errors import UnknownTopic
    from lineal_schemas.envelope import decode
    from lineal_schemas.telemetry import DeviceBirth, DeviceRemoved

    births: dict[str, DeviceBirth] = {}
    last: dict[str, dict[str, int]] = {DeviceBirth.type: {}, DeviceRemoved.type: {}}
    for kind, times in last.items():
        try:
            async for delivery in runtime.bus.read(kind):
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


def rings_of(
    known: Sequence[str],
    wanted: dict[str, str],
    thresholds: dict[str, float],
    others: Mapping[str, str],
) -> tuple[Ring, ...]:
    """The rings that were asked for, or a tenth of the devices and then all.

    Raises:
        CommandFailed: there is no device for a ring, or for any.
        typer.BadParameter: a threshold is of no ring.
    """
    from lineal_schemas.deployments import Ring

    left = list(known)
    devices: dict[str, tuple[str, ...]] = {}
    if not wanted:
        canary = ceil(len(left) * _CANARY_SHARE)
        devices = {_CANARY: tuple(left[:canary]), "all": tuple(left[canary:])}
        thresholds = {"all": _REST_THRESHOLD, **thresholds}
    for name, patterns in wanted.items():
        chosen: list[str] = []
        for pattern in patterns.split(","):
            matching = [device for device in left if fnmatchcase(device, pattern)]
            if pattern in others:
                raise CommandFailed(f"ring {name}: it is not for {pattern}: {others[pattern]}")
            if not matching and not set("*?[") & set(pattern) and pattern not in known:
                matching = [pattern]  # one that has not been connected yet
            chosen += matching
            left = [device for device in left if device not in matching]
        if not chosen:
            raise CommandFailed(f"ring {name}: no device is called {patterns}")
        devices[name] = tuple(chosen)
    unknown = set(thresholds) - set(devices)
    if unknown:
        raise typer.BadParameter(f"there is no ring {min(unknown)}", param_hint="--threshold")
    if not any(devices.values()) and others:
        device = min(others)
        raise CommandFailed(f"it is for no device here: of {device}, {others[device]}")
    if not any(devices.values()):
        raise CommandFailed("no device was ever connected: name them with --ring NAME=DEVICE,...")
    return tuple(
        Ring(name=name, devices=members, error_threshold=thresholds.get(name, 0.0))
        for name, members in devices.items()
        if members
    )


def shares(options: list[str] | None) -> dict[str, float]:
    """What ``--threshold`` says.

    Raises:
        typer.BadParameter: a share is not between 0 and 1.
    """
    given = pairs(options, "--threshold")
    return {name: _number(share, "--threshold") for name, share in given.items()}


def step_timeouts(options: list[str] | None) -> StepTimeouts:
    """What ``--timeout`` says.

    Raises:
        typer.BadParameter: there is no such step, or time.
    """
    from pydantic import ValidationError

    from lineal_schemas.deployments import StepTimeouts

    given = pairs(options, "--timeout")
    unknown = set(given) - set(StepTimeouts.model_fields)
    if unknown:
        raise typer.BadParameter(
            f"there is no step {min(unknown)}: {', '.join(StepTimeouts.model_fields)}",
            param_hint="--timeout",
        )
    try:
        return StepTimeouts(**{step: _number(text, "--timeout") for step, text in given.items()})
    except ValidationError as error:
        raise typer.BadParameter("seconds are above 0", param_hint="--timeout") from error


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or (option == "--threshold" and value > 1):
        raise typer.BadParameter(f"{text!r} is no such number", param_hint=option)
    return value


def print_asked(asked: dict[str, Any], what: str) -> None:
    """Say what was asked for, and which devices are left out."""
    counts = ", ".join(f"{item['name']}: {len(item['devices'])}" for item in asked["rings"])
    typer.echo(f"{asked['rollout']}  {what}  to {counts}")
    for device, reason in asked["left_out"].items():
        typer.echo(f"left out {device}: {reason}", err=True)
