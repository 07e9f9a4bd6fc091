"""Bytes go in once, whatever their size, and come out as they were, or not at all."""

from __future__ import annotations

import asyncio
import io
from hashlib import sha256
from pathlib import Path

import pytest

from lineal.errors import ObjectCorrupt, ObjectMissing
from lineal.store.blobs import FileBlobs
from lineal.store.connection import Store
from lineal.store.objects import (
    SMALL_BYTES,
    ObjectStore,
    object_chunks,
    put_small_objects,
    reference,
)
from lineal_schemas.objects import ObjectRef


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path, tmp_path / "run", "test")


@pytest.fixture
def objects(store: Store, blobs: FileBlobs) -> ObjectStore:
    return ObjectStore(store, blobs)


async def whole(store: Store, blobs: FileBlobs, sha256_hex: str) -> bytes:
    return await store.read(lambda c: b"".join(object_chunks(c, blobs, sha256_hex)))


def ref(data: bytes) -> ObjectRef:
    return reference(sha256(data).hexdigest(), len(data), "application/octet-stream")


def files(folder: Path) -> list[Path]:
    return [file for file in (folder / "objects").rglob("*") if file.is_file()]


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3_000_000])
async def test_bytes_come_back_from_wherever_they_are(
    store: Store, blobs: FileBlobs, objects: ObjectStore, tmp_path: Path, size: int
) -> None:
    data = bytes(n % 251 for n in range(size))
    if size <= SMALL_BYTES:
        await store.write(lambda connection: put_small_objects(connection, [data]))
    else:
        await objects.put_large(data)
    assert await objects.get(ref(data)) == data
    assert (await objects.path(ref(data))).read_bytes() == data
    assert await whole(store, blobs, ref(data).sha256) == data


async def test_a_stream_is_stored_under_the_digest_of_its_bytes(objects: ObjectStore) -> None:
    data = b"0123456789" * 300_000
    stored = await objects.put_file(io.BytesIO(data))
    assert stored == (sha256(data).hexdigest(), len(data))
    assert await objects.get(ref(data)) == data


async def test_the_same_bytes_are_kept_once_however_often_they_come(
    store: Store, blobs: FileBlobs, objects: ObjectStore, tmp_path: Path
) -> None:
    data = b"x" * 200_000
    await asyncio.gather(
        *(objects.put_large(data) for _ in range(20)),
        *(objects.put_file(io.BytesIO(data)) for _ in range(20)),
    )
    assert [file.read_bytes() for file in files(tmp_path)] == [data]
    assert await objects.get(ref(data)) == data


async def test_what_is_not_there_is_said_to_be_missing(
    store: Store, blobs: FileBlobs, objects: ObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(ObjectMissing):
        await objects.get(ref(b"nobody put this"))
    with pytest.raises(ObjectMissing):
        await objects.path(ref(b"nobody put this"))
    with pytest.raises(ObjectMissing):
        await whole(store, blobs, "ab" * 32)


@pytest.mark.parametrize("size", [100, SMALL_BYTES + 100])
async def test_bytes_that_were_changed_are_found_out(
    store: Store, blobs: FileBlobs, objects: ObjectStore, tmp_path: Path, size: int
) -> None:
    data = b"x" * size
    if size <= SMALL_BYTES:
        await store.write(lambda connection: put_small_objects(connection, [data]))
        await store.write(lambda c: c.execute("UPDATE objects SET data = ?", (b"0",)))
    else:
        await objects.put_large(data)
        (file,) = files(tmp_path)
        file.chmod(0o644)
        file.write_bytes(data[:-1])
    with pytest.raises(ObjectCorrupt):
        await objects.get(ref(data))
    shown: list[bytes] = []
    with pytest.raises(ObjectCorrupt):
        await store.read(lambda c: shown.extend(object_chunks(c, blobs, ref(data).sha256)))
    assert shown == []
    with pytest.raises(ObjectCorrupt):
        await objects.checked_path(ref(data))


async def test_objects_cannot_be_written_to_by_mistake(
    store: Store, blobs: FileBlobs, objects: ObjectStore, tmp_path: Path
) -> None:
    await objects.put_large(b"x" * 100_000)
    (file,) = files(tmp_path)
    assert file.stat().st_mode & 0o222 == 0


async def test_a_stream_that_breaks_off_leaves_nothing(
    objects: ObjectStore, tmp_path: Path
) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            if self.tell_calls:
                raise OSError("the disk was pulled out")
            self.tell_calls += 1
            return b"the first part"

        tell_calls = 0

    with pytest.raises(OSError, match="pulled out"):
        await objects.put_file(Broken())  # type: ignore[arg-type]
    assert files(tmp_path) == []
