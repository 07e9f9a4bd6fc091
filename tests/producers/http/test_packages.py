"""Model files for devices: only what a rollout sent out, whole or in ranges."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lineal.access.credential import owner_credential
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, Kind
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import put_small_objects
from lineal_catalog.models.release_roots import publish_root
from lineal_producers.http.application import application
from lineal_producers.http.packages import package_application
from lineal_scoring.release_root import first_root
from tests.edge.update.roots import root
from tests.lineage.records import one_step

MODEL = bytes(range(256)) * 1000
SMALL = b"a small model" * 10


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as opened:
        yield opened


async def stored(
    runtime: Runtime, data: bytes, kind: Kind = "deploy", role: str = "model", **facts: str
) -> str:
    """Put an object, and a record of something that was done with it."""
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > 65536:
        await runtime.objects.put_large(data)
    else:
        await runtime.store.write(lambda c: put_small_objects(c, [data]))
    model = Artifact(digest, "application/onnx", len(data), role)
    record = one_step("rollout:r1", kind=kind, attributes=dict(facts), inputs=[model])
    await runtime.committer.publish((), lineage_records([record]))
    return digest


def client(runtime: Runtime, host: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application(runtime))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


@pytest.mark.parametrize("data", [MODEL, SMALL], ids=["large", "small"])
async def test_a_released_model_is_given_out_whole_and_in_ranges(runtime: Runtime, data: bytes):
    digest = await stored(runtime, data)
    async with client(runtime) as http:
        whole = await http.get(f"/packages/{digest}")
        assert (whole.status_code, whole.content) == (200, data)
        assert whole.headers["etag"] == f'"{digest}"'
        part = await http.get(f"/packages/{digest}", headers={"Range": "bytes=100-"})
        assert (part.status_code, part.content) == (206, data[100:])
        assert part.headers["content-range"] == f"bytes 100-{len(data) - 1}/{len(data)}"
        beyond = await http.get(f"/packages/{digest}", headers={"Range": f"bytes={len(data)}-"})
        assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("kind", "role", "facts"),
    [
        ("step", "model", {}),
        ("train", "model", {}),
        ("deploy", "content", {}),
        ("deploy", "model", {"refused": "yes"}),
    ],
)
async def test_nothing_else_of_the_object_store_is(
    runtime: Runtime, kind: Kind, role: str, facts: dict[str, str]
):
    digest = await stored(runtime, MODEL, kind, role, **facts)
    async with client(runtime) as http:
        assert (await http.get(f"/packages/{digest}")).status_code == 404


@pytest.mark.parametrize("name", ["0" * 64, "0" * 63, "..%2f..%2fetc%2fpasswd", "A" * 64])
async def test_what_is_no_digest_of_a_model_is_not_found(runtime: Runtime, name: str):
    async with client(runtime) as http:
        assert (await http.get(f"/packages/{name}")).status_code == 404


async def test_devices_reach_the_application_that_has_packages_only(runtime: Runtime):
    digest = await stored(runtime, MODEL)
    transport = httpx.ASGITransport(package_application(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.example") as http:
        assert (await http.get(f"/packages/{digest}")).content == MODEL
        assert (await http.get("/documents")).status_code == 404


async def test_roots_of_trust_are_given_out_by_version_as_tuf_asks_for_them(runtime: Runtime):
    first = root(None, "ann", root_keys="ann", package_keys="p")
    await publish_root(runtime, first, owner_credential())
    second = root(first_root(first), "ann")
    await publish_root(runtime, second, owner_credential())
    async with client(runtime) as http:
        for version, data in ((1, first), (2, second)):
            answer = await http.get(f"/packages/{version}.root.json")
            assert (answer.status_code, answer.content) == (200, data)
        for name in ("3.root.json", "0.root.json", "root.json", "1.targets.json"):
            assert (await http.get(f"/packages/{name}")).status_code == 404
