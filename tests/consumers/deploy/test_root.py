"""A centre with a root of trust: rollouts wait for the signatures that it asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineal.access.acts import NotPermitted
from lineal.access.credential import credential_of, owner_credential
from lineal_catalog.models.release_roots import publish_root, published_roots
from lineal_consumers.deploy.keys import public_key, read_key
from lineal_consumers.deploy.package import sign_text
from lineal_consumers.deploy.root_draft import draft_root, sign_draft
from lineal_edge.update.trust import TrustedRoot
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentControl,
    DeploymentSigned,
    DeploymentStarted,
    PackageManifest,
    PackageSignature,
    SignedPackage,
)
from lineal_scoring.release_root import RootRejected, first_root
from tests.consumers.deploy.centre import START, Centre, of, open_centre, ring, types
from tests.edge.update.roots import key, root
from tests.edge.update.simulated_disk import SimulatedDisk

NOW = datetime.fromtimestamp(START / 1e6, UTC)


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    async with open_centre(tmp_path) as opened:
        yield opened


async def publish(centre: Centre, before: bytes | None = None, **fields) -> bytes:
    """A root whose packages the stage's own key signs, and one of ben and one of cho."""
    keys = [centre.key, public_key(key("ben")), public_key(key("cho"))]
    data = draft_root(
        None if before is None else first_root(before),
        root_keys=[public_key(key("ann"))],
        **{"package_keys": keys, "package_threshold": 2, "now": NOW, **fields},
    )
    data = sign_draft(data, key("ann"))
    await publish_root(centre.harness.runtime, data, owner_credential())
    return data


def signature(package: SignedPackage, name: str) -> DeploymentSigned:
    made = sign_text(package.manifest, key(name))
    return DeploymentSigned(rollout_id="r1", signature=made, by="ben")


async def waiting(centre: Centre) -> SignedPackage:
    made = await centre.start(ring("all", "a"))
    assert types(made) == ["signature_required"]
    assert centre.jobs_given(made) == []
    assert centre.rollout().status == "unsigned"
    package: SignedPackage = made[0].package  # type: ignore[attr-defined]
    return package


async def test_a_rollout_waits_for_the_second_signature(centre: Centre, tmp_path: Path):
    data = await publish(centre)
    package = await waiting(centre)
    for wrong in (
        signature(package, "thief"),
        DeploymentSigned(
            rollout_id="r1",
            signature=PackageSignature(
                key_id=sign_text("", key("ben")).key_id,
                signature=sign_text(package.manifest + " ", key("ben")).signature,
            ),
            by="ben",
        ),
    ):
        assert await centre.send(wrong) == []
        assert centre.record.outcome == "skipped"
    own = sign_text(package.manifest, read_key(tmp_path / "deploy.pem"))
    assert await centre.send(DeploymentSigned(rollout_id="r1", signature=own, by="ben")) == []
    assert centre.record.outcome == "skipped", "the same key twice is one signature"
    made = await centre.send(signature(package, "cho"))
    assert types(made) == ["started", "ring_started"]
    assert centre.jobs_given(made) == ["a"]
    [started] = of(made, DeploymentStarted)
    device = TrustedRoot(data, Path("/models"), SimulatedDisk(), fetch=None)  # type: ignore[arg-type]
    device.open(started.package, centre.now, PackageManifest)


async def test_who_may_not_sign_adds_no_signature(centre: Centre):
    await publish(centre)
    package = await waiting(centre)
    centre.actor = None
    await centre.harness.send(signature(package, "ben"))
    assert "SenderNotPermitted" in str(centre.harness.dead_letters[-1])
    assert centre.rollout().status == "unsigned"


async def test_a_rollout_that_waits_can_be_aborted_and_then_no_signature_begins_it(centre: Centre):
    await publish(centre)
    package = await waiting(centre)
    made = await centre.send(
        DeploymentControl(rollout_id="r1", action="abort", by="ann", requested_us=0)
    )
    assert types(made) == ["aborted"]
    assert await centre.send(signature(package, "ben")) == []


async def test_one_key_suffices_where_the_root_says_so(centre: Centre):
    await publish(centre, package_threshold=1)
    assert types(await centre.start(ring("all", "a"))) == ["started", "ring_started"]


async def test_nothing_is_signed_that_no_device_would_take(centre: Centre):
    data = await publish(centre, package_keys=[public_key(key("ben"))], package_threshold=1)
    [aborted] = of(await centre.start(ring("all", "a")), DeploymentAborted)
    assert "may sign no packages" in aborted.reason
    await publish(centre, data, package_threshold=1, days=1)
    await centre.wait(90_000)
    [aborted] = of(await centre.start(ring("all", "a"), rollout="r2"), DeploymentAborted)
    assert "expired" in aborted.reason


async def test_counters_are_compared_within_an_epoch(centre: Centre):
    data = await publish(centre, package_threshold=1)
    await centre.start(ring("all", "a"), rollout="raised", version=2_147_483_647)
    made = await centre.start(ring("all", "a"), rollout="r2", version=3)
    assert types(made) == ["aborted"]
    await publish(centre, data, package_threshold=1, next_epoch=True)
    made = await centre.start(ring("all", "a"), rollout="r3", version=3)
    assert "started" in types(made)


async def test_a_root_is_published_once_and_by_owners_only(centre: Centre):
    runtime = centre.harness.runtime
    data = await publish(centre)
    with pytest.raises(RootRejected, match="comes no version"):
        await publish_root(runtime, data, owner_credential())
    following = root(first_root(data), "ann", now=NOW)
    with pytest.raises(NotPermitted):
        await publish_root(runtime, following, credential_of("user:olga", "operator"))
    with pytest.raises(RootRejected):
        await publish_root(runtime, root(first_root(data), "ben", now=NOW), owner_credential())
    await publish_root(runtime, following, credential_of("user:olga", "owner"))
    kept = await runtime.store.read(published_roots)
    assert [(each.version, each.by) for each in kept][1] == (2, "user:olga")
