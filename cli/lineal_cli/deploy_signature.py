"""``lineal deploy sign``: a further signature for a package that waits for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.deploy_root import KeyOption, PassphraseOption
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, when
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lineal.runtime import Runtime
    from lineal_consumers.deploy.rollout import RolloutRecord
    from lineal_schemas.deployments import AgentManifest, PackageManifest, PackageSignature


def sign(
    rollout: Annotated[
        str, typer.Argument(metavar="ROLLOUT", help="Id or unique beginning of an id.")
    ],
    key: KeyOption,
    passphrase_file: PassphraseOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the package of a rollout that waits for more signatures."""
    from lineal_consumers.deploy.keys import read_key
    from lineal_consumers.deploy.rollout_list import find_all, find_rollout

    with reading(data) as (connection, _):
        chosen = find_rollout(find_all(connection), rollout)
    if chosen.status != "unsigned":
        raise CommandFailed(f"rollout {chosen.rollout_id} is {chosen.status}: it waits for nobody")
    private = read_key(key, passphrase_file)
    made = asyncio.run(_sign(existing_data(data), chosen, private, yes))
    if as_json:
        print_json({"rollout": chosen.rollout_id, "key_id": made.key_id})
    else:
        typer.echo(f"{made.key_id} has signed {chosen.rollout_id}")


async def _sign(
    folder: Path, rollout: RolloutRecord, key: Ed25519PrivateKey, yes: bool
) -> PackageSignature:
    from lineal.access.senders import acting_credential
    from lineal.acts import publish_acts
    from lineal.runtime import open_runtime
    from lineal_consumers.deploy.package import sign_text
    from lineal_schemas.deployments import DeploymentSigned, SignedPackage
    from lineal_schemas.envelope import first_event
    from lineal_schemas.ids import output_id

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("sign")
        stored = await runtime.objects.get(rollout.package)
        text = SignedPackage.model_validate_json(stored).manifest
        manifest = await _checked(runtime, text, rollout)
        if not yes:
            _show(manifest)
            typer.confirm("Sign?", abort=True, err=True)
        signature = sign_text(text, key)
        signed = DeploymentSigned(rollout_id=rollout.rollout_id, signature=signature, by=by.actor)
        identity = output_id(rollout.rollout_id, "cli", "1", f"sign {time.time_ns()}", 0)
        event = first_event(signed, id=identity, source="lineal:cli/deploy", actor=by.actor)
        await publish_acts(runtime, [event])
    return signature


async def _checked(
    runtime: Runtime, text: str, rollout: RolloutRecord
) -> PackageManifest | AgentManifest:
    """What would be signed, looked up again by whoever signs and not taken from the stage.

    Raises:
        CommandFailed: it is not what was put into use, or asked for.
    """
    from lineal_catalog.models.promotions import model_in_use
    from lineal_schemas.deployments import AgentManifest, PackageManifest

    if rollout.kind == "agent":
        release = AgentManifest.model_validate_json(text)
        if release.release.sha256 != rollout.artifact.sha256:
            raise CommandFailed("the package is of another release: nothing was signed")
        return release
    manifest = PackageManifest.model_validate_json(text)
    await runtime.flush_ledger()
    in_use = await runtime.store.read(lambda c: model_in_use(c, manifest.model.name))
    if (
        in_use is None
        or in_use.sha256 != manifest.model.sha256
        or manifest.counter > in_use.counter
    ):
        raise CommandFailed(
            f"no promotion in the ledger has put this model into use as {manifest.model.name}, "
            f"number {manifest.counter}: nothing was signed"
        )
    return manifest


def _show(manifest: PackageManifest | AgentManifest) -> None:
    from lineal_schemas.deployments import AgentManifest

    if isinstance(manifest, AgentManifest):
        release = manifest.release
        typer.echo(f"agent    {manifest.agent_version}, {release.sha256}", err=True)
    else:
        model = manifest.model
        typer.echo(f"model    {model.name} {model.version}, {model.sha256}", err=True)
    typer.echo(f"counter  {manifest.counter} of epoch {manifest.epoch}", err=True)
    typer.echo(f"fleet    {manifest.fleet or 'any'}", err=True)
    typer.echo(f"expires  {when(manifest.expires_us)}", err=True)
