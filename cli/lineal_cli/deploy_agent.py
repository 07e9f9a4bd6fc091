"""``lineal deploy agent``: brings a release of the device agent to devices."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, pairs
from lineal_cli.printing import print_json, short_id
from lineal_cli.reading import existing_data
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
    from lineal_schemas.deployments import RolloutPlan


def agent(
    wheels: Annotated[
        list[Path],
        typer.Argument(
            metavar="WHEEL|DIR...",
            help="The wheel of lineal-edge, and those that it needs and devices do not have.",
        ),
    ],
    ring: RingOption = None,
    threshold: ThresholdOption = None,
    timeout: TimeoutOption = None,
    soak: Annotated[
        int,
        typer.Option(
            "--soak", help="Readings taken while connected before it is a success.", min=0
        ),
    ] = 400,
    where: WhereOption = None,
    signed_elsewhere: SignedElsewhereOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for the rollout of a release of the device agent."""
    from lineal_consumers.deploy.agent_package import pack_release
    from lineal_consumers.deploy.rollout_request import targets
    from lineal_schemas.deployments import RolloutPlan

    folder = existing_data(data)
    if not signed_elsewhere:
        require_key(load_settings(folder))
    release = pack_release(_files(wheels))
    thresholds, timeouts = shares(threshold), step_timeouts(timeout)
    wanted, matching = pairs(ring, "--ring"), pairs(where, "--where")

    async def ask() -> dict[str, Any]:
        from lineal.runtime import open_runtime

        async with open_runtime(load_settings(folder)) as runtime:
            reached = await targets(runtime, None, matching)
            rings = rings_named(wanted, thresholds, reached)
            plan = RolloutPlan(rings=rings, timeouts=timeouts, soak_readings=soak)
            return {**await _publish(runtime, release, plan), "left_out": reached.others}

    asked = asyncio.run(ask())
    if as_json:
        print_json(asked)
        return
    print_asked(asked, f"lineal-edge {asked['agent_version']}")
    typer.echo(f"Follow it with `lineal deploy status {short_id(asked['rollout'])}`.")


def _files(given: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in given:
        if path.is_dir():
            files += sorted(path.glob("*.whl"))
        elif path.is_file():
            files.append(path)
        else:
            raise CommandFailed(f"{path} is not there")
    return files


async def _publish(runtime: Any, release: bytes, plan: RolloutPlan) -> dict[str, Any]:
    from lineal.access.senders import acting_credential
    from lineal.acts import publish_acts
    from lineal.store.objects import reference
    from lineal_consumers.deploy.agent_package import version_of
    from lineal_schemas.deployments import AGENT, DeploymentRequested
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.ids import rollout_id
    from lineal_schemas.models import ModelRef
    from lineal_schemas.objects import ObjectRef

    by = await runtime.store.read(acting_credential)
    by.require("sign")
    stored = await runtime.objects.put_file(io.BytesIO(release))
    artifact = reference(stored.sha256, stored.bytes, "application/zip")
    now = now_us()
    request = DeploymentRequested(
        rollout_id=rollout_id(stored.sha256, f"hand {now}"),
        model=ModelRef(name=AGENT, version=1, sha256=stored.sha256),
        artifact=ObjectRef.model_validate(artifact.model_dump()),
        plan=plan,
        by=by.actor,
        requested_us=now,
        kind="agent",
        agent_version=version_of(release),
    )
    event = first_event(
        request, id=request.rollout_id, source="lineal:cli/deploy", actor=request.by
    )
    await publish_acts(runtime, [event])
    return {
        "rollout": request.rollout_id,
        "kind": "agent",
        "agent_version": request.agent_version,
        "sha256": stored.sha256,
        "rings": [item.model_dump(mode="json") for item in plan.rings],
    }
