"""The content-addressed object store: small objects in the store's database, large ones as blobs.

Small objects are written in the transaction of the step that made them: as files, each would cost
a sync of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from lineal.errors import ObjectCorrupt, ObjectMissing
from lineal.store.blobs import BlobMissing, Blobs, StoredFile
from lineal.store.connection import Connection, Store
from lineal.store.rows import insert_rows
from lineal_schemas.objects import ObjectRef

SMALL_BYTES = 64 * 1024
"""Objects up to this size live in the database; also the size above which a payload is not put on
the bus but referred to."""


def reference(sha256: str, size: int, media_type: str) -> ObjectRef:
    """The reference to an object of this store: the digest is the address."""
    return ObjectRef(
        uri=f"lineal:objects/{sha256}", sha256=sha256, bytes=size, media_type=media_type
    )


def small_object(connection: Connection, sha256: str) -> bytes | None:
    """The bytes of an object that is small enough to be in the database."""
    row = connection.execute(
        "SELECT data FROM objects WHERE sha256 = ?", (bytes.fromhex(sha256),)
    ).fetchone()
    return None if row is None else row[0]


def put_small_objects(connection: Connection, contents: Sequence[bytes]) -> None:
    """Store objects of at most :data:`SMALL_BYTES` each in the caller's transaction."""
    insert_rows(
        connection,
        "INSERT INTO objects (sha256, data)",
        [(hashlib.sha256(data).digest(), data) for data in contents],
        "ON CONFLICT DO NOTHING",
    )


class Chunked(Protocol):
    """Large objects to be read only."""

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes piece by piece.

        Raises:
            BlobMissing: before the first piece.
        """
        ...


def object_chunks(connection: Connection, blobs: Chunked, sha256: str) -> Iterator[bytes]:
    """The bytes of an object in chunks; other callers use the store meanwhile.

    Raises:
        ObjectMissing: before the first piece.
        ObjectCorrupt: before the first piece, when their digest is not the one asked for.
    """
    small = small_object(connection, sha256)
    if small is not None:
        _check((small,), sha256)
        yield small
        return
    try:
        # Read twice: what was changed is not shown, not even its beginning.
        _check(blobs.chunks(sha256), sha256)
        yield from blobs.chunks(sha256)
    except BlobMissing as error:
        raise ObjectMissing(sha256) from error


def _check(chunks: Iterable[bytes], sha256: str) -> None:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise ObjectCorrupt(sha256)


def _check_file(file: Path, sha256: str) -> None:
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
            raise ObjectCorrupt(sha256)


class ObjectStore:
    """Bytes by digest."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    async def put_file(self, source: BinaryIO) -> StoredFile:
        """Store a stream, whatever its size; durable on return."""
        return await self._blobs.put_stream(source)

    async def put_large(self, data: bytes) -> None:
        """Store bytes; durable on return."""
        await self._blobs.put(data)

    async def get(self, ref: ObjectRef) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            ObjectMissing, ObjectCorrupt
        """
        data = await self._small(ref.sha256)
        if data is None:
            try:
                data = await self._blobs.get(ref.sha256)
            except BlobMissing as error:
                raise ObjectMissing(ref.sha256) from error
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ObjectCorrupt(ref.sha256)
        return data

    async def checked_path(self, ref: ObjectRef) -> Path:
        """A local read-only file with the bytes, compared with their digest.

        Raises:
            ObjectMissing, ObjectCorrupt
        """
        path = await self.path(ref)
        await asyncio.to_thread(_check_file, path, ref.sha256)
        return path

    async def path(self, ref: ObjectRef) -> Path:
        """A local read-only file with the bytes.

        Raises:
            ObjectMissing
            ObjectCorrupt: it is small enough that a look costs nothing, and it was changed.
        """
        try:
            return await self._blobs.path(ref.sha256)
        except BlobMissing:
            small = await self._small(ref.sha256)
        if small is None:
            raise ObjectMissing(ref.sha256)
        _check((small,), ref.sha256)
        await self._blobs.put(small)
        return await self._blobs.path(ref.sha256)

    def large_digests(self) -> AsyncIterator[str]:
        """Of everything that is too large for the database, in no order."""
        return self._blobs.digests()

    async def delete(self, digests: Iterable[str]) -> int:
        """Delete objects; returns how many there were."""
        there = await self.existing(digests)

        def delete(connection: Connection) -> None:
            connection.executemany(
                "DELETE FROM objects WHERE sha256 = ?",
                [(bytes.fromhex(sha256),) for sha256 in sorted(there)],
            )

        for sha256 in there:
            await self._blobs.delete(sha256)
        await self._store.write(delete)
        return len(there)

    async def existing(self, digests: Iterable[str]) -> set[str]:
        """Those of some objects that are stored."""
        found = set()
        for sha256 in digests:
            if await self._small(sha256) is not None or await self._blobs.exists(sha256):
                found.add(sha256)
        return found

    async def _small(self, sha256: str) -> bytes | None:
        return await self._store.read(lambda connection: small_object(connection, sha256))
