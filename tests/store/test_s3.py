"""Large objects in a bucket: what is put comes back, is sent once, and the disk is not filled."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import get_session

from lineal.backup.restore import send_objects
from lineal.errors import ObjectCorrupt, StoreUnavailable
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.blobs import BlobMissing, FileBlobs
from lineal.store.database import Database, file_blobs
from lineal.store.s3 import Bucket, MalformedBucket, S3Blobs, open_s3_blobs, parse_bucket, trim
from lineal_local.aws import Emulator
from tests.services.cut_off import cut_off_after


@pytest.fixture(params=["aws", "aws_moto"])
def emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    emulator: Emulator = request.getfixturevalue(request.param)
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[Any]:
    async with get_session().create_client("s3", **emulator.client_settings) as client:
        yield client


@pytest.fixture
async def bucket(emulator: Emulator, client: Any) -> Bucket:
    name = f"objects-{uuid.uuid4().hex[:12]}"
    where = {"LocationConstraint": emulator.region}
    await client.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    return Bucket(name=name, prefix="some/where/", endpoint=emulator.endpoint_url)


@pytest.fixture
async def blobs(bucket: Bucket, database: Database) -> AsyncIterator[S3Blobs]:
    async with open_s3_blobs(bucket, file_blobs(database).sibling("cache")) as blobs:
        yield blobs


async def keys(client: Any, bucket: Bucket) -> list[str]:
    listed = await client.list_objects_v2(Bucket=bucket.name)
    return [item["Key"] for item in listed.get("Contents", [])]


async def elsewhere(bucket: Bucket, folder: Path) -> tuple[Database, Any]:
    database = Database(folder, durability="normal")
    database.open()
    return database, open_s3_blobs(bucket, file_blobs(database).sibling("cache"))


@pytest.mark.parametrize("size", [0, 1000, (8 << 20) - 1, (20 << 20) + 17])
async def test_what_one_machine_puts_another_gets(
    blobs: S3Blobs, bucket: Bucket, client: Any, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    stored = await blobs.put_stream(io.BytesIO(content))
    digest = sha256(content).hexdigest()
    assert stored == (digest, size)
    assert await keys(client, bucket) == [f"some/where/{digest[:2]}/{digest[2:]}"]
    database, other = await elsewhere(bucket, tmp_path / "other")
    async with other as reader:
        assert await reader.get(digest) == content
        assert (await reader.path(digest)).read_bytes() == content
        assert (await reader.path(digest)).read_bytes() == content, "from the cache"
    await database.close()


async def test_bytes_are_put_without_a_file(blobs: S3Blobs) -> None:
    digest = sha256(b"some bytes").hexdigest()
    await blobs.put(b"some bytes")
    await blobs.put(b"some bytes")
    assert [found async for found in blobs.digests()] == [digest]
    assert await blobs.get(digest) == b"some bytes"
    assert (await blobs.path(digest)).read_bytes() == b"some bytes"


async def test_what_is_not_there_is_missing(blobs: S3Blobs) -> None:
    with pytest.raises(BlobMissing):
        await blobs.get("0" * 64)
    with pytest.raises(BlobMissing):
        await blobs.path("0" * 64)


async def test_what_is_deleted_leaves_no_version(
    blobs: S3Blobs, bucket: Bucket, client: Any
) -> None:
    await client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    digest = sha256(b"some content").hexdigest()
    await blobs.put(b"some content")
    await blobs.path(digest)
    await client.delete_object(Bucket=bucket.name, Key=(await keys(client, bucket))[0])
    await blobs.put(b"some content")
    await blobs.put(b"others stay")
    assert await blobs.delete(digest)
    left = await client.list_object_versions(Bucket=bucket.name)
    assert len(left.get("Versions", [])) == 1
    assert left.get("DeleteMarkers", []) == []
    with pytest.raises(BlobMissing):
        await blobs.get(digest)
    assert not await blobs.delete(digest)


async def test_what_was_changed_in_the_bucket_is_not_given_out(
    blobs: S3Blobs, bucket: Bucket, client: Any
) -> None:
    await blobs.put(b"right")
    (key,) = await keys(client, bucket)
    await client.put_object(Bucket=bucket.name, Key=key, Body=b"wrong")
    with pytest.raises(ObjectCorrupt):
        await blobs.path(sha256(b"right").hexdigest())


async def test_no_parts_are_left_of_an_upload_that_failed(
    blobs: S3Blobs, bucket: Bucket, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(blobs._client, "complete_multipart_upload", fail)
    with pytest.raises(ConnectionResetError):
        await blobs.put_stream(io.BytesIO(os.urandom(9 << 20)))
    left = await client.list_multipart_uploads(Bucket=bucket.name)
    assert not left.get("Uploads")
    assert await keys(client, bucket) == []


async def test_a_bucket_that_is_not_there_is_said_at_once(
    bucket: Bucket, database: Database
) -> None:
    missing = Bucket(name=f"{bucket.name}-not", endpoint=bucket.endpoint)
    with pytest.raises(StoreUnavailable):
        async with open_s3_blobs(missing, file_blobs(database).sibling("cache")):
            pass


async def test_the_runtime_keeps_large_objects_in_the_bucket(
    bucket: Bucket, client: Any, tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path / "runtime", objects=f"s3://{bucket.name}/p?endpoint={bucket.endpoint}"
    )
    async with open_runtime(settings) as runtime:
        await runtime.objects.put_large(b"x" * 100_000)
    digest = sha256(b"x" * 100_000).hexdigest()
    assert await keys(client, bucket) == [f"p/{digest[:2]}/{digest[2:]}"]


def test_the_cache_loses_first_what_was_used_longest_ago(tmp_path: Path) -> None:
    for number in range(10):
        file = tmp_path / f"{number:02}" / "file"
        file.parent.mkdir()
        file.write_bytes(bytes(100))
        os.utime(file, (1000 + number, 1000 + number))
    assert trim(tmp_path, 450) == 6
    assert sorted(file.parent.name for file in tmp_path.glob("*/*")) == ["06", "07", "08", "09"]


def test_the_cache_keeps_what_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / "file").write_bytes(bytes(100))
    assert trim(tmp_path, 10) == 0


@pytest.mark.parametrize("url", ["s3://", "s3:bucket", "s3://b?cache_mb=x", "s3://b?what=1"])
def test_a_wrong_url_is_said(url: str) -> None:
    with pytest.raises(MalformedBucket):
        parse_bucket(url)


async def test_an_object_that_breaks_off_is_no_fault_of_the_event(
    blobs: S3Blobs, bucket: Bucket, emulator: Emulator, tmp_path: Path
) -> None:
    content = os.urandom(1 << 20)
    digest = (await blobs.put_stream(io.BytesIO(content))).sha256
    async with cut_off_after(emulator.endpoint_url, 300_000) as endpoint:
        database, other = await elsewhere(replace(bucket, endpoint=endpoint), tmp_path / "other")
        async with other as reader:
            for ask in (reader.get, reader.path):
                with pytest.raises(StoreUnavailable):
                    await ask(digest)
    database_, other = await elsewhere(bucket, tmp_path / "other")
    async with other as reader:
        assert (await reader.path(digest)).read_bytes() == content
    await database.close()
    await database_.close()


async def test_what_is_restored_goes_where_the_settings_have_objects(
    bucket: Bucket, database: Database, tmp_path: Path
) -> None:
    """A backup keeps objects as files; daemons that have them in a bucket find them there."""
    content = os.urandom(100_000)
    digest = sha256(content).hexdigest()
    restored = tmp_path / "restored"
    await FileBlobs(restored, restored / "run", "test").put(content)
    async with open_s3_blobs(bucket, file_blobs(database).sibling("cache")) as blobs:
        assert await send_objects(restored, blobs) == 1
    elsewhere = FileBlobs(tmp_path / "empty", tmp_path / "empty" / "run", "test")
    async with open_s3_blobs(bucket, elsewhere) as blobs:
        assert await blobs.get(digest) == content
    assert not (restored / "objects").exists()
