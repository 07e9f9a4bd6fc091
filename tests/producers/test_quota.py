"""What an owner may have, at every door: refused with what they have and may have."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_consumers.register.stage import register
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.folder.producer import InboxProducer
from lineal_producers.folder.settings import FolderSettings
from lineal_producers.http.application import application
from lineal_producers.quota.settings import QuotaSettings
from lineal_producers.quota.usage import QUOTAS, QuotaExceeded, check_quota, usage_of
from lineal_producers.sync.schedule import synchronise_source
from lineal_producers.sync.settings import SourceSettings
from tests.conformance.harness import running, until_settled
from tests.producers.arrivals import arrived, until_named
from tests.producers.http.owner import as_owner


@asynccontextmanager
async def opened(data: Path, *more: Any, **quotas: Any) -> AsyncIterator[Runtime]:
    settings = Settings(data=data, durability="normal", workers=1)
    for section in (QuotaSettings.model_validate(quotas), *more):
        settings = settings.with_section(section)
    async with open_runtime(settings) as runtime:
        yield runtime


async def put(runtime: Runtime, name: str, owner: str | None = "ann", size: int = 1) -> None:
    origin = ArrivalSource(
        name=name, source=f"test:{name}", actor="user:x", occurrence=name, owner=owner
    )
    await check_quota(runtime, owner, size)
    content = await store(runtime, io.BytesIO(name.encode().ljust(size, b".")))
    await announce(runtime, origin, content=content, attended=True)


async def test_documents_and_bytes_are_bounded_for_each_owner(tmp_path: Path) -> None:
    quotas = {"documents": 2, "owners": {"ben": {"mb": 1}}, "without_owner": {"documents": 1}}
    async with opened(tmp_path, **quotas) as runtime:
        await put(runtime, "a")
        await put(runtime, "b")
        with pytest.raises(QuotaExceeded, match="ann has 2 documents and may have 2"):
            await put(runtime, "c")
        await put(runtime, "1", "ben", 600_000)
        with pytest.raises(QuotaExceeded, match=r"ben has 0.6 MB and may have 1 MB"):
            await put(runtime, "2", "ben", 600_000)
        await put(runtime, "3", "ben", 400_000)
        await put(runtime, "x", None)
        with pytest.raises(QuotaExceeded, match="nobody has 1 documents"):
            await put(runtime, "y", None)
        await put(runtime, "z", "cleo")


async def test_without_a_quota_nothing_is_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        await put(runtime, "a")
        assert await runtime.store.read(lambda c: usage_of(c, "ann", "")) == (0, 0)


async def test_who_comes_at_the_same_time_does_not_have_more(tmp_path: Path) -> None:
    """From two processes' runtimes, before anything is registered."""
    async with opened(tmp_path, documents=10) as one, opened(tmp_path, documents=10) as other:
        results = await asyncio.gather(
            *(put(each, f"{n}") for n, each in enumerate((one, other) * 15)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, QuotaExceeded) for result in results) == 20
        assert len(await arrived(one)) == 10


async def test_what_is_registered_counts_once_and_what_is_erased_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path, documents=2) as runtime:
        await put(runtime, "a")
        async with running(runtime, runtime.bind(register)):
            await until_settled(runtime, "register")
        await runtime.store.write(_forget_counts)
        await put(runtime, "b")
        await runtime.store.write(_forget_counts)
        with pytest.raises(QuotaExceeded):
            await put(runtime, "c")


def _forget_counts(connection: Any) -> None:
    """As after some seconds."""
    connection.execute("UPDATE owner_usage SET at = 0")


async def test_erasing_leaves_no_name_and_makes_room(tmp_path: Path) -> None:
    async with opened(tmp_path, documents=1) as runtime:
        await put(runtime, "a", "Zanzibar")
        [arrival] = await arrived(runtime)
        assert QUOTAS.erase is not None
        erase = QUOTAS.erase
        subject = arrival.data.correlation_key()
        await runtime.store.write(lambda c: erase(c, subject, False))
        rows = await runtime.store.read(
            lambda c: [
                *c.execute("SELECT owner FROM owner_arrivals").fetchall(),
                *c.execute("SELECT owner FROM owner_usage").fetchall(),
            ]
        )
        assert rows == []
        await put(runtime, "b", "Zanzibar")


async def test_over_http_it_is_507_and_nothing_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path / "data", documents=1, owners={"big": {"mb": 1}}) as runtime:
        transport = httpx.ASGITransport(application(runtime))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=as_owner(tmp_path / "data")
        ) as http:
            for name, status in (("a", 202), ("b", 507)):
                answer = await http.post(f"/documents?name={name}&owner=ann", content=name.encode())
                assert answer.status_code == status
            assert "may have 1" in answer.json()["error"]
            large = await http.post("/documents?name=l&owner=big", content=b"x" * 1_100_000)
            assert large.status_code == 507
        assert len(await arrived(runtime)) == 1
        assert [digest async for digest in runtime.objects.large_digests()] == [
            (await arrived(runtime))[0].data.content.sha256  # type: ignore[union-attr]
        ]


async def test_in_a_folder_and_a_tree_it_is_a_rejected_document_with_the_reason(
    tmp_path: Path,
) -> None:
    inbox = FolderSettings.model_validate(
        {"inbox_stable_seconds": 0.05, "inboxes": [{"path": tmp_path / "ann", "owner": "ann"}]}
    )
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("c", "d"):
        (tree / name).write_text(name)
        (tree / f"{name}.metadata.json").write_text(json.dumps({"owner": "ann"}))
    async with opened(tmp_path / "data", inbox, documents=2) as runtime:
        task = asyncio.create_task(InboxProducer(runtime).run())
        try:
            await asyncio.sleep(0)
            (tmp_path / "ann").mkdir(exist_ok=True)
            (tmp_path / "ann" / "a").write_text("a")
            await until_named(runtime, "a")
            await synchronise_source(runtime, SourceSettings.model_validate({"url": str(tree)}))
            (tmp_path / "ann" / "b").write_text("b")
            await until_named(runtime, "a", "c", "d", "b")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        found = {item.name: item.data for item in await arrived(runtime)}
    refused = {name for name, data in found.items() if data.content is None}
    assert len(refused) == 2
    assert "b" in refused
    assert all("ann has 2 documents" in str(found[name].problem) for name in refused)
