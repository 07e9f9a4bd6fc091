"""The content-addressed object store of one machine: files by digest, small ones in the database.

Small objects are written in the transaction of the step that made them: as files, each would cost
a sync of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol
from uuid import uuid4

from lineal.store.database import Database
from lineal.store.wakeup import process_alive
from lineal_schemas.objects import ObjectRef

SMALL_BYTES = 64 * 1024
"""Objects up to this size live in the database; also the size above which a payload is not put on
the bus but referred to."""

_CHUNK = 1 << 20
_FOLDER = "objects"
_INCOMING = "incoming"
"""Below the folder of objects: files that are still being written."""


class ObjectMissing(LookupError):
    """The object was erased or never written."""


class ObjectCorrupt(OSError):
    """The bytes found are not those that the digest names."""


class StoredFile(NamedTuple):
    """What became of a file that was put."""

    sha256: str
    bytes: int


class ObjectStore(Protocol):
    """Bytes by digest."""

    async def put_file(self, source: BinaryIO) -> StoredFile:
        """Store a stream, whatever its size; durable on return."""
        ...

    async def put_large(self, data: bytes) -> None:
        """Store bytes; durable on return."""
        ...

    def put_small(self, connection: sqlite3.Connection, data: bytes) -> None:
        """Store at most :data:`SMALL_BYTES` in the caller's transaction."""
        ...

    async def get(self, ref: ObjectRef) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            ObjectMissing, ObjectCorrupt
        """
        ...

    async def path(self, ref: ObjectRef) -> Path:
        """A local read-only file with the bytes.

        Raises:
            ObjectMissing
        """
        ...


def reference(sha256: str, size: int, media_type: str) -> ObjectRef:
    """The reference to an object of this store: the digest is the address."""
    return ObjectRef(
        uri=f"lineal:objects/{sha256}", sha256=sha256, bytes=size, media_type=media_type
    )


def object_chunks(
    connection: sqlite3.Connection, data_directory: Path, sha256: str
) -> Iterator[bytes]:
    """The bytes of an object piece by piece, read beside whatever else uses the folder.

    Raises:
        ObjectMissing: before the first piece.
        ObjectCorrupt: after the last piece, when their digest is not the one asked for.
    """
    digest = hashlib.sha256()
    row = connection.execute(
        "SELECT data FROM objects WHERE sha256 = ?", (bytes.fromhex(sha256),)
    ).fetchone()
    if row is not None:
        digest.update(row[0])
        yield row[0]
    else:
        try:
            file = _object_file(data_directory / _FOLDER, sha256).open("rb")
        except FileNotFoundError as error:
            raise ObjectMissing(f"object {sha256} is not in the store") from error
        with file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                yield chunk
    if digest.hexdigest() != sha256:
        raise ObjectCorrupt(f"object {sha256} does not have the digest it is named by")


def _object_file(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256[2:]


class EmbeddedObjects:
    """Objects below the data directory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._directory = database.directory / _FOLDER

    def remove_unfinished(self) -> None:
        """Remove what processes that were killed had not finished writing."""
        for file in (self._directory / _INCOMING).glob("*"):
            member = file.name.partition(".")[0]
            if not process_alive(self._database.wakeups.directory, member):
                file.unlink(missing_ok=True)

    async def put_file(self, source: BinaryIO) -> StoredFile:
        return await asyncio.to_thread(self._store_stream, source)

    async def put_large(self, data: bytes) -> None:
        await asyncio.to_thread(self._store_bytes, data)

    def put_small(self, connection: sqlite3.Connection, data: bytes) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO objects VALUES (?, ?)", (hashlib.sha256(data).digest(), data)
        )

    async def get(self, ref: ObjectRef) -> bytes:
        small = self._small(ref.sha256)
        data = small if small is not None else await asyncio.to_thread(self._read, ref.sha256)
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ObjectCorrupt(f"object {ref.sha256} does not have the digest it is named by")
        return data

    async def path(self, ref: ObjectRef) -> Path:
        file = self._file(ref.sha256)
        if not file.exists():
            small = self._small(ref.sha256)
            if small is None:
                raise ObjectMissing(f"object {ref.sha256} is not in the store")
            await self.put_large(small)
        return file

    def _small(self, sha256: str) -> bytes | None:
        row = self._database.reader.execute(
            "SELECT data FROM objects WHERE sha256 = ?", (bytes.fromhex(sha256),)
        ).fetchone()
        return None if row is None else row[0]

    def _read(self, sha256: str) -> bytes:
        try:
            return self._file(sha256).read_bytes()
        except FileNotFoundError as error:
            raise ObjectMissing(f"object {sha256} is not in the store") from error

    def _file(self, sha256: str) -> Path:
        return _object_file(self._directory, sha256)

    def _store_bytes(self, data: bytes) -> None:
        target = self._file(hashlib.sha256(data).hexdigest())
        if target.exists():
            return
        temporary = self._temporary()
        try:
            with temporary.open("xb") as file:
                file.write(data)
                self._sync(file)
            self._move(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _store_stream(self, source: BinaryIO) -> StoredFile:
        temporary = self._temporary()
        digest = hashlib.sha256()
        size = 0
        try:
            with temporary.open("xb") as file:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                self._sync(file)
            target = self._file(digest.hexdigest())
            if not target.exists():
                self._move(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return StoredFile(digest.hexdigest(), size)

    def _temporary(self) -> Path:
        directory = self._directory / _INCOMING
        directory.mkdir(parents=True, exist_ok=True)
        return directory / f"{self._database.wakeups.member}.{uuid4().hex}"

    def _sync(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        Path(file.name).chmod(0o444)

    def _move(self, temporary: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        # The name, too, must survive a crash of the machine.
        descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
