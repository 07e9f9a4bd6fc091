"""Has the package of a rollout made, as the settings and the root of trust want it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from lineal import Context
from lineal_catalog.models.release_roots import ROLE, newest_root
from lineal_consumers.deploy.agent_package import build_agent_package
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.package import (
    NoPackage,
    PackageSpec,
    build_package,
    sign_text,
    signing_key,
)
from lineal_schemas.deployments import DeploymentRequested, SignedPackage
from lineal_scoring.release_root import ReleaseRoot, first_root

_PACKAGE_SECONDS = 120.0
_DAY_US = 86_400_000_000


async def trusted_root(ctx: Context[DeployConfig]) -> ReleaseRoot | None:
    """The root of trust that holds now; None where none was published.

    Raises:
        RootRejected: what was published is no root.
    """
    published = await ctx.query(newest_root)
    if published is None:
        return None
    return first_root(await ctx.objects.get(published.object, ROLE))


async def package_for(
    ctx: Context[DeployConfig], request: DeploymentRequested, root: ReleaseRoot | None
) -> SignedPackage:
    """The package of a rollout, signed by the key of the settings.

    Raises:
        NoPackage: there is no key to sign with, or the root has expired or does not know the key.
    """
    if request.artifact.sha256 != request.model.sha256:
        raise NoPackage("the artifact is not the model that is to be rolled out")
    config, now = ctx.config, ctx.now()
    if root is not None and root.expired(datetime.fromtimestamp(now / 1e6, UTC)):
        raise NoPackage(f"root {root.version} has expired: publish the next one")
    spec = PackageSpec(
        model=request.model,
        counter=request.counter,
        created_us=now,
        expires_us=now + round(config.package_days * _DAY_US),
        tolerance=config.tolerance,
        golden_windows=config.golden_windows,
        fleet=config.fleet,
        epoch=0 if root is None else root.epoch,
    )
    file = await ctx.objects.path(request.artifact, request.kind)
    build = build_agent_package if request.kind == "agent" else build_package
    # Workers read what strangers sent: they never see a key.
    key = await asyncio.to_thread(signing_key, config.key_file, config.passphrase_file)
    manifest = await ctx.run(build, file, spec, seconds=_PACKAGE_SECONDS)
    made = sign_text(manifest, key)
    package = SignedPackage(manifest=manifest, key_id=made.key_id, signature=made.signature)
    if root is not None and not root.signers(package):
        raise NoPackage(f"the key {package.key_id} may sign no packages by root {root.version}")
    return package
