"""``lineal deploy``: starts rollouts of models and controls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli import deploy_root
from lineal_cli.deploy_agent import agent
from lineal_cli.deploy_signature import sign
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, pairs
from lineal_cli.printing import plain, print_json, print_table, recently, short_id
from lineal_cli.reading import existing_data, reading
from lineal_cli.rollout_targets import (
    RingOption,
    SignedElsewhereOption,
    ThresholdOption,
    TimeoutOption,
    WhereOption,
    print_asked,
    require_key,
    rings_named,
    shares,
    step_timeouts,
)

if TYPE_CHECKING:
    from lineal_consumers.deploy.rollout import RejectedRecord, RolloutRecord
    from lineal_schemas.deployments import StepTimeouts

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Bring models to devices, in rings; look on, or stop it.",
)

app.add_typer(deploy_root.app, name="root")
app.command()(sign)
app.command()(agent)

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
    ring: RingOption = None,
    threshold: ThresholdOption = None,
    timeout: TimeoutOption = None,
    shadow: Annotated[
        int, typer.Option("--shadow", help="Readings scored beside the running model.", min=0)
    ] = 200,
    soak: Annotated[
        int, typer.Option("--soak", help="Readings scored before it is a success.", min=0)
    ] = 400,
    where: WhereOption = None,
    signed_elsewhere: SignedElsewhereOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for the rollout of the version of a model that is in use."""
    thresholds, timeouts = shares(threshold), step_timeouts(timeout)
    wanted = pairs(ring, "--ring")
    folder = existing_data(data)
    if not signed_elsewhere:
        require_key(load_settings(folder))
    matching = pairs(where, "--where")
    asked = asyncio.run(
        _start(folder, model, version, wanted, thresholds, timeouts, shadow, soak, matching)
    )
    if as_json:
        print_json(asked)
        return
    print_asked(asked, f"{asked['model']} {asked['version']}")
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
    where: dict[str, str],
) -> dict[str, Any]:
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_consumers.deploy.rollout_request import model_to_roll_out, request_rollout, targets
    from lineal_schemas.deployments import RolloutPlan

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("deploy")
        model = await model_to_roll_out(runtime, name)
        if version is not None and model.version != version:
            raise CommandFailed(
                f"version {model.version} of {name} is in use, not {version}: "
                f"promote that one first"
            )
        reached = await targets(runtime, model, where)
        rings = rings_named(wanted, thresholds, reached)
        plan = RolloutPlan(
            rings=rings, timeouts=timeouts, shadow_readings=shadow, soak_readings=soak
        )
        request = await request_rollout(runtime, model, plan, by=by, source="lineal:cli/deploy")
    return {
        "rollout": request.rollout_id,
        "model": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "rings": [item.model_dump(mode="json") for item in rings],
        "left_out": reached.others,
    }


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
    from lineal_consumers.deploy.rollout_list import (
        find_all,
        find_jobs,
        find_rejected,
        find_rollout,
    )

    with reading(data) as (connection, _):
        rollouts, rejected = find_all(connection), find_rejected(connection)
        if rollout is None:
            _print_rollouts(rollouts, rejected, as_json)
            return
        chosen = find_rollout(rollouts, rollout, rejected)
        jobs = find_jobs(connection, chosen)
    if as_json:
        shown = [job.model_dump(mode="json") for job in jobs]
        print_json({**_fields(chosen), "jobs": shown})
        return
    why = "" if chosen.reason is None else f": {plain(chosen.reason)}"
    typer.echo(f"{chosen.rollout_id}  {chosen.what}  {chosen.status}{why}")
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


def _print_rollouts(
    rollouts: list[RolloutRecord], rejected: list[RejectedRecord], as_json: bool
) -> None:
    if as_json:
        print_json(
            [_fields(item) for item in rollouts] + [_rejected_fields(item) for item in rejected]
        )
        return
    for item in rejected:
        typer.echo(
            f"{short_id(item.rollout_id)}  {item.model.name} {item.model.version}  rejected "
            f"{recently(item.requested_us)}: {plain(item.reason)}"
        )
    if rejected and not rollouts:
        return
    print_table(
        ("rollout", "model", "status", "ring", "devices", "succeeded", "failed", "by", "started"),
        [
            (
                short_id(item.rollout_id),
                item.what,
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
    from lineal_consumers.deploy.rollout_list import find_all, find_rollout

    with reading(data) as (connection, _):
        chosen = find_rollout(find_all(connection), wanted)
    asyncio.run(_publish_control(existing_data(data), chosen, action, reason))
    if as_json:
        print_json({"rollout": chosen.rollout_id, "action": action})
    else:
        typer.echo(f"asked to {action} {chosen.rollout_id}")


async def _publish_control(
    folder: Path,
    rollout: RolloutRecord,
    action: Literal["pause", "resume", "abort"],
    reason: str | None,
) -> None:
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_consumers.deploy.rollout_list import control_rollout

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        await control_rollout(runtime, rollout, action, reason, by=by, source="lineal:cli/deploy")


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


def _rejected_fields(rejected: RejectedRecord) -> dict[str, Any]:
    return {
        "rollout": rejected.rollout_id,
        "model": rejected.model.name,
        "version": rejected.model.version,
        "sha256": rejected.model.sha256,
        "status": "rejected",
        "reason": rejected.reason,
        "ring": None,
        "rings": [],
        "by": rejected.by,
        "started": None,
        "updated": rejected.requested_us,
    }


def _fields(rollout: RolloutRecord) -> dict[str, Any]:
    return {
        "rollout": rollout.rollout_id,
        "kind": rollout.kind,
        "agent_version": rollout.agent_version,
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
