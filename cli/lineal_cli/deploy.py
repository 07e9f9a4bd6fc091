"""``lineal deploy``: starts rollouts of models and controls them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, pairs
from lineal_cli.printing import plain, print_json, print_table, recently, short_id
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_consumers.deploy.rollout import JobRecord, RolloutRecord
    from lineal_schemas.deployments import Ring, StepTimeouts
    from lineal_schemas.models import ModelPromoted, ModelRolledBack

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Bring models to devices, in rings; look on, or stop it.",
)

_CANARY, _CANARY_SHARE, _REST_THRESHOLD = "canary", 0.1, 0.1

RolloutArgument = Annotated[
    str, typer.Argument(metavar="ROLLOUT", help="Id or unique beginning of an id.")
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; it is kept.")]


@app.command()
def start(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a promoted model.")],
    version: Annotated[
        int | None, typer.Option("--version", help="Fail unless this version is in use.")
    ] = None,
    ring: Annotated[
        list[str] | None,
        typer.Option(
            "--ring",
            metavar="NAME=DEVICE,...",
            help="A ring and its devices, * and ? allowed; devices of earlier rings are left out. "
            "In the order of the rings. Without: a tenth of all devices, then all.",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="NAME=SHARE",
            help="How many of a ring's devices may fail, from 0 (none) to 1.",
        ),
    ] = None,
    timeout: Annotated[
        list[str] | None,
        typer.Option(
            "--timeout",
            metavar="STEP=SECONDS",
            help="Time for a step: answer, download, verify, shadow or soak.",
        ),
    ] = None,
    shadow: Annotated[
        int, typer.Option("--shadow", help="Readings scored beside the running model.", min=0)
    ] = 200,
    soak: Annotated[
        int, typer.Option("--soak", help="Readings scored before it is a success.", min=0)
    ] = 400,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for the rollout of the version of a model that is in use."""
    thresholds = {
        name: _number(share, "--threshold")
        for name, share in pairs(threshold, "--threshold").items()
    }
    timeouts = _timeouts(pairs(timeout, "--timeout"))
    wanted = pairs(ring, "--ring")
    asked = asyncio.run(
        _start(existing_data(data), model, version, wanted, thresholds, timeouts, shadow, soak)
    )
    if as_json:
        print_json(asked)
        return
    counts = ", ".join(f"{item['name']}: {len(item['devices'])}" for item in asked["rings"])
    typer.echo(f"{asked['rollout']}  {asked['model']} {asked['version']}  to {counts}")
    typer.echo(f"Follow it with `lineal deploy status {short_id(asked['rollout'])}`.")


async def _start(
    folder: Path,
    name: str,
    version: int | None,
    wanted: dict[str, str],
    thresholds: dict[str, float],
    timeouts: StepTimeouts,
    shadow: int,
    soak: int,
) -> dict[str, Any]:
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_schemas.deployments import DeploymentRequested, RolloutPlan
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.ids import rollout_id

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("deploy")
        change, number = await _in_use(runtime, name)
        if version is not None and change.model.version != version:
            raise CommandFailed(
                f"version {change.model.version} of {name} is in use, not {version}: "
                f"promote that one first"
            )
        rings = _rings(await _devices(runtime), wanted, thresholds)
        now = now_us()
        request = DeploymentRequested(
            rollout_id=rollout_id(change.model.sha256, f"hand {now}"),
            model=change.model,
            artifact=change.artifact,
            counter=number,
            plan=RolloutPlan(
                rings=rings, timeouts=timeouts, shadow_readings=shadow, soak_readings=soak
            ),
            by=by.actor,
            requested_us=now,
        )
        event = first_event(
            request, id=request.rollout_id, source="lineal:cli/deploy", actor=request.by
        )
        await runtime.bus.publish([(event.type, event)])
    return {
        "rollout": request.rollout_id,
        "model": change.model.name,
        "version": change.model.version,
        "sha256": change.model.sha256,
        "rings": [item.model_dump(mode="json") for item in rings],
    }


async def _in_use(runtime: Runtime, name: str) -> tuple[ModelPromoted | ModelRolledBack, int]:
    """The event that put a model into use, and its number among those of the name."""
    from lineal.bus.protocol import Selection
    from lineal.errors import UnknownTopic
    from lineal_catalog.models.promotions import model_in_use
    from lineal_schemas.envelope import decode
    from lineal_schemas.models import ModelPromoted, ModelRolledBack

    in_use = await runtime.store.read(lambda c: model_in_use(c, name))
    newest: ModelPromoted | ModelRolledBack | None = None
    for kind in (ModelPromoted, ModelRolledBack):
        try:
            async for delivery in runtime.bus.read(kind.type, Selection(key=name)):
                change = decode(delivery.event).data
                assert isinstance(change, ModelPromoted | ModelRolledBack)
                if in_use is None or change.model.sha256 != in_use.sha256:
                    continue
                if newest is None or change.counter > newest.counter:
                    newest = change
        except UnknownTopic:
            continue
    if newest is None or in_use is None:
        raise CommandFailed(f"no version of {name} is in use: promote one first")
    return newest, in_use.counter


async def _devices(runtime: Runtime) -> list[str]:
    """All devices that have been connected, by name."""
    from lineal.errors import UnknownTopic
    from lineal_schemas.telemetry import DeviceBirth

    found: set[str] = set()
    try:
        async for delivery in runtime.bus.read(DeviceBirth.type):
            found.add(delivery.event.partitionkey)
    except UnknownTopic:
        pass
    return sorted(found)


def _rings(
    known: Sequence[str], wanted: dict[str, str], thresholds: dict[str, float]
) -> tuple[Ring, ...]:
    from fnmatch import fnmatchcase
    from math import ceil

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
    if not any(devices.values()):
        raise CommandFailed("no device was ever connected: name them with --ring NAME=DEVICE,...")
    return tuple(
        Ring(name=name, devices=members, error_threshold=thresholds.get(name, 0.0))
        for name, members in devices.items()
        if members
    )


def _timeouts(given: dict[str, str]) -> StepTimeouts:
    from pydantic import ValidationError

    from lineal_schemas.deployments import StepTimeouts

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


@app.command()
def status(
    rollout: Annotated[
        str | None,
        typer.Argument(metavar="[ROLLOUT]", help="Id or unique beginning of an id; all without."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List rollouts, newest first, or show one with its rings and devices."""
    with reading(data) as (connection, _):
        rollouts = _rollouts(connection)
        if rollout is None:
            _print_rollouts(rollouts, as_json)
            return
        chosen = _chosen(rollouts, rollout)
        jobs = _jobs(connection, chosen)
    if as_json:
        shown = [job.model_dump(mode="json") for job in jobs]
        print_json({**_fields(chosen), "jobs": shown})
        return
    model = chosen.model
    why = "" if chosen.reason is None else f": {plain(chosen.reason)}"
    typer.echo(f"{chosen.rollout_id}  {model.name} {model.version}  {chosen.status}{why}")
    print_table(
        ("ring", "devices", "given", "succeeded", "failed", "rolled back", "cancelled", "may fail"),
        [
            (
                item.name, str(item.devices), str(item.issued), str(item.succeeded),
                str(item.failed), str(item.rolled_back), str(item.cancelled),
                f"{item.error_threshold:.0%}",
            )
            for item in chosen.rings
        ],
        right=frozenset(
            {"devices", "given", "succeeded", "failed", "rolled back", "cancelled", "may fail"}
        ),
    )  # fmt: skip
    print_table(
        ("device", "ring", "state", "since", "reason"),
        [
            (
                job.device, chosen.rings[job.ring].name, job.state, recently(job.updated_us),
                plain(job.reason or ""),
            )
            for job in jobs
        ],
        empty="No device has been given its job yet.",
    )  # fmt: skip


def _print_rollouts(rollouts: list[RolloutRecord], as_json: bool) -> None:
    if as_json:
        print_json([_fields(item) for item in rollouts])
        return
    print_table(
        ("rollout", "model", "status", "ring", "devices", "succeeded", "failed", "by", "started"),
        [
            (
                short_id(item.rollout_id),
                f"{item.model.name} {item.model.version}",
                item.status,
                item.rings[item.ring].name,
                str(sum(ring.devices for ring in item.rings)),
                str(item.result.succeeded),
                str(item.result.failed + item.result.rolled_back),
                plain(item.by),
                recently(item.started_us),
            )
            for item in rollouts
        ],
        right=frozenset({"devices", "succeeded", "failed"}),
        empty="There is no rollout: `lineal deploy start MODEL` begins one.",
    )


@app.command()
def pause(
    rollout: RolloutArgument,
    reason: ReasonOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin no further ring; devices that have their jobs go on."""
    _control("pause", rollout, reason, data, as_json)


@app.command()
def resume(
    rollout: RolloutArgument,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a paused rollout."""
    _control("resume", rollout, None, data, as_json)


@app.command()
def abort(
    rollout: RolloutArgument,
    reason: ReasonOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a rollout. Devices on which the model scores already keep it if it does well."""
    _control("abort", rollout, reason, data, as_json)


def _control(
    action: Literal["pause", "resume", "abort"],
    wanted: str,
    reason: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    with reading(data) as (connection, _):
        chosen = _chosen(_rollouts(connection), wanted)
    if chosen.over:
        raise CommandFailed(f"rollout {short_id(chosen.rollout_id)} is {chosen.status} already")
    if action == "resume" and chosen.status != "paused":
        raise CommandFailed(f"rollout {short_id(chosen.rollout_id)} is not paused")
    asyncio.run(_publish_control(existing_data(data), chosen.rollout_id, action, reason))
    if as_json:
        print_json({"rollout": chosen.rollout_id, "action": action})
    else:
        typer.echo(f"asked to {action} {chosen.rollout_id}")


async def _publish_control(
    folder: Path,
    rollout: str,
    action: Literal["pause", "resume", "abort"],
    reason: str | None,
) -> None:
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_schemas.deployments import DeploymentControl
    from lineal_schemas.envelope import first_event
    from lineal_schemas.ids import output_id

    now = time.time_ns() // 1000
    identity = output_id(rollout, "cli", "1", f"{action} {now}", 0)
    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("deploy")
        control = DeploymentControl(
            rollout_id=rollout, action=action, by=by.actor, reason=reason, requested_us=now
        )
        event = first_event(control, id=identity, source="lineal:cli/deploy", actor=by.actor)
        await runtime.bus.publish([(event.type, event)])


@app.command()
def key(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where the private key goes; keys/deploy.pem in the data folder."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="Encrypt the key with what the file holds; keep it apart from the key.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the key that signs packages, and print the settings of devices and stage for it."""
    from lineal_consumers.deploy.keys import make_key

    settings = load_settings(data)
    target = file or settings.data / "keys" / "deploy.pem"
    try:
        made = make_key(target, passphrase_file)
    except FileExistsError as error:
        raise CommandFailed(f"{target} is there already; a key is never overwritten") from error
    if as_json:
        print_json({"file": str(target), "key_id": made.key_id, "public_key": made.key})
        return
    typer.echo(f"{target}: keep it safe, nobody can make it again.")
    typer.echo("\nIn lineal.toml, where the deploy stage runs:")
    typer.echo(f'[stages.deploy]\nkey_file = "{target.resolve()}"')
    if passphrase_file is not None:
        typer.echo(f'passphrase_file = "{passphrase_file.resolve()}"')
    typer.echo("\nIn the agent.toml of every device:")
    typer.echo(f'[update.trusted_keys]\n{made.key_id} = "{made.key}"')


def _rollouts(connection: Any) -> list[RolloutRecord]:
    """All that are kept, newest first."""
    from lineal.stages.state import state_rows
    from lineal_consumers.deploy.rollout import RolloutRecord, rollout_key

    rows = state_rows(connection, "deploy", rollout_key(""))
    found = [
        RolloutRecord.model_validate_json(row.after) for _, row in rows if row.after is not None
    ]
    return sorted(found, key=lambda item: (item.started_us, item.rollout_id), reverse=True)


def _jobs(connection: Any, rollout: RolloutRecord) -> list[JobRecord]:
    from lineal.stages.state import state_rows
    from lineal_consumers.deploy.rollout import JobRecord, job_prefix

    rows = state_rows(connection, "deploy", job_prefix(rollout.rollout_id))
    jobs = [JobRecord.model_validate_json(row.after) for _, row in rows if row.after is not None]
    return sorted(jobs, key=lambda job: (job.ring, job.device))


def _chosen(rollouts: list[RolloutRecord], wanted: str) -> RolloutRecord:
    meant = [item for item in rollouts if item.rollout_id.startswith(wanted)]
    if not meant:
        raise CommandFailed(f"no rollout {wanted} was begun: `lineal deploy status` lists them")
    if len(meant) > 1:
        raise CommandFailed(f"{wanted} begins {len(meant)} ids: give more of the id")
    return meant[0]


def _fields(rollout: RolloutRecord) -> dict[str, Any]:
    return {
        "rollout": rollout.rollout_id,
        "model": rollout.model.name,
        "version": rollout.model.version,
        "sha256": rollout.model.sha256,
        "status": rollout.status,
        "reason": rollout.reason,
        "ring": rollout.rings[rollout.ring].name,
        "rings": [ring.model_dump(mode="json") for ring in rollout.rings],
        "by": rollout.by,
        "started": rollout.started_us,
        "updated": rollout.updated_us,
    }
