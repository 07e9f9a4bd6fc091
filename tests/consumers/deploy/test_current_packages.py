"""A centre says which packages are current, and a device that asks it over HTTP believes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.access.credential import owner_credential
from lineal_catalog.models.release_roots import publish_root
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.current import ReleaseSnapshots
from lineal_consumers.deploy.keys import public_key
from lineal_consumers.deploy.root_draft import draft_root, sign_draft
from lineal_edge.update.download import Answer, ServerRejected
from lineal_edge.update.trust import TrustedRoot
from lineal_edge.update.verification import PackageRejected
from lineal_producers.http.packages import package_application
from lineal_schemas.deployments import (
    DeploymentControl,
    DeploymentStarted,
    PackageManifest,
    SignedPackage,
)
from tests.consumers.deploy.centre import START, Centre, of, open_centre, ring
from tests.edge.update.roots import key
from tests.edge.update.simulated_disk import SimulatedDisk

URL = "http://centre/packages/model"


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    async with open_centre(tmp_path) as opened:
        yield opened


def now_of(centre: Centre) -> datetime:
    return datetime.fromtimestamp(centre.now / 1e6, UTC)


async def publish(centre: Centre) -> bytes:
    draft = draft_root(
        None, root_keys=[public_key(key("ann"))], package_keys=[centre.key],
        online_keys=[centre.key], now=datetime.fromtimestamp(START / 1e6, UTC),
    )  # fmt: skip
    data = sign_draft(draft, key("ann"))
    await publish_root(centre.harness.runtime, data, owner_credential())
    return data


async def start(centre: Centre, version: int) -> SignedPackage:
    made = await centre.start(ring("all", "a"), rollout=f"r{version}", version=version)
    package: SignedPackage = of(made, DeploymentStarted)[0].package
    return package


def a_device(centre: Centre, root: bytes) -> TrustedRoot:
    """One that reaches the HTTP service of packages alone."""
    loop = asyncio.get_running_loop()

    async def get(url: str) -> httpx.Response:
        transport = httpx.ASGITransport(package_application(centre.harness.runtime))
        async with httpx.AsyncClient(transport=transport) as http:
            return await http.get(url)

    @contextmanager
    def fetch(url: str, offset: int) -> Iterator[Answer]:
        answer = asyncio.run_coroutine_threadsafe(get(url), loop).result()
        if answer.status_code != 200:
            raise ServerRejected(answer.status_code)
        yield Answer(offset, iter([answer.content]))

    return TrustedRoot(root, Path("/models"), SimulatedDisk(), fetch)


async def reason(centre: Centre, device: TrustedRoot, package: SignedPackage) -> str | None:
    """Why a device does not take a package; None: it does."""

    def take() -> Any:
        device.renew(URL, centre.now)
        return device.open(package, centre.now, PackageManifest)

    try:
        await asyncio.to_thread(take)
    except (PackageRejected, OSError) as error:
        return str(error.reason)  # type: ignore[union-attr]
    return None


async def test_a_device_takes_the_package_of_the_newest_rollout_until_it_is_aborted(
    centre: Centre, tmp_path: Path
) -> None:
    releases = ReleaseSnapshots(
        centre.harness.runtime, DeployConfig(key_file=tmp_path / "deploy.pem", timestamp_hours=4)
    )
    assert not await releases.publish(now_of(centre)), "there is no root that asks for it"
    root = await publish(centre)
    device = a_device(centre, root)
    first = await start(centre, 1)
    assert await reason(centre, device, first) == "stale", "nothing was said yet"
    assert await releases.publish(now_of(centre))
    assert not await releases.publish(now_of(centre)), "nothing is new"
    assert await reason(centre, device, first) is None
    second = await start(centre, 2)
    assert await reason(centre, device, second) == "not_listed"
    assert await releases.publish(now_of(centre))
    assert await reason(centre, device, second) is None
    assert await reason(centre, device, first) == "not_current"
    await centre.send(DeploymentControl(rollout_id="r2", action="abort", by="a", requested_us=0))
    assert await releases.publish(now_of(centre))
    assert await reason(centre, device, second) == "not_current"


async def test_a_timestamp_is_signed_anew_before_it_expires(centre: Centre, tmp_path: Path) -> None:
    releases = ReleaseSnapshots(
        centre.harness.runtime, DeployConfig(key_file=tmp_path / "deploy.pem", timestamp_hours=4)
    )
    device = a_device(centre, await publish(centre))
    package = await start(centre, 1)
    assert await releases.publish(now_of(centre))
    later = now_of(centre) + timedelta(hours=3)
    assert await releases.publish(later)
    await centre.wait(5 * 3_600)
    assert await reason(centre, device, package) is None
    await centre.wait(3 * 3_600)
    assert await reason(centre, device, package) == "stale"


async def test_a_key_that_may_not_say_it_is_a_problem_that_is_shown(
    centre: Centre, tmp_path: Path
) -> None:
    from lineal_consumers.deploy.keys import make_key

    await publish(centre)
    make_key(tmp_path / "other.pem")
    releases = ReleaseSnapshots(
        centre.harness.runtime, DeployConfig(key_file=tmp_path / "other.pem")
    )
    running = asyncio.create_task(releases.run())
    try:
        async with asyncio.timeout(180):
            while releases.problem is None:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    assert "signed by 0/1 keys" in releases.problem
