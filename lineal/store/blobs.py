"""Blob stores for large objects, addressed by digest: a folder or a bucket."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol
from uuid import uuid4

from lineal.errors import LinealError
from lineal.store.wakeup import process_alive

_CHUNK = 1 << 20
_FOLDER = "objects"
_INCOMING = "incoming"
"""Below the folder of objects: files that are still being written."""


class BlobMissing(LinealError, LookupError):
    """There are no bytes with this digest."""


class StoredFile(NamedTuple):
    """What became of a file that was put."""

    sha256: str
    bytes: int


class Blobs(Protocol):
    """Bytes of any size by digest (SHA-256, hex). What is read is not checked against it."""

    async def put_stream(self, source: BinaryIO) -> StoredFile:
        """Store a stream, whatever its size; durable on return."""
        ...

    async def put(self, data: bytes) -> None:
        """Store bytes; durable on return."""
        ...

    async def get(self, sha256: str) -> bytes:
        """All bytes.

        Raises:
            BlobMissing
        """
        ...

    async def path(self, sha256: str) -> Path:
        """A local read-only file with the bytes.

        Raises:
            BlobMissing
        """
        ...

    async def exists(self, sha256: str) -> bool:
        """Whether there are bytes with this digest."""
        ...

    async def delete(self, sha256: str) -> bool:
        """Delete bytes, with all that was kept of them; False if there were none."""
        ...

    def digests(self) -> AsyncIterator[str]:
        """Of everything that is stored, in no order."""
        ...


class FileBlobs:
    """Files below the data directory.

    Args:
        directory: the data directory.
        run_directory: of the pipes that tell which processes are alive.
        member: this process's pipe.
    """

    def __init__(self, directory: Path, run_directory: Path, member: str) -> None:
        self._directory = directory / _FOLDER
        self._run_directory = run_directory
        self._member = member

    @property
    def directory(self) -> Path:
        """The folder of the files."""
        return self._directory

    def sibling(self, name: str) -> FileBlobs:
        """Files of the same process in another folder of the data directory."""
        return FileBlobs(self._directory.parent / name, self._run_directory, self._member)

    def remove_unfinished(self) -> None:
        """Remove what processes that were killed had not finished writing."""
        for file in (self._directory / _INCOMING).glob("*"):
            member = file.name.partition(".")[0]
            if not process_alive(self._run_directory, member):
                file.unlink(missing_ok=True)

    async def put_stream(self, source: BinaryIO) -> StoredFile:
        return await asyncio.to_thread(self._store_stream, source)

    async def put(self, data: bytes) -> None:
        await asyncio.to_thread(self._store_bytes, data)

    async def get(self, sha256: str) -> bytes:
        return await asyncio.to_thread(self._read, sha256)

    async def path(self, sha256: str) -> Path:
        file = self._file(sha256)
        if not file.exists():
            raise BlobMissing(sha256)
        return file

    async def exists(self, sha256: str) -> bool:
        return self._file(sha256).exists()

    async def delete(self, sha256: str) -> bool:
        return await asyncio.to_thread(self._delete, sha256)

    async def digests(self) -> AsyncIterator[str]:
        for folder in await asyncio.to_thread(self._folders):
            for file in await asyncio.to_thread(list, folder.iterdir()):
                yield folder.name + file.name

    def stored(self) -> Iterator[str]:
        """As :meth:`digests`, for who does not wait in a loop."""
        for folder in self._folders():
            for file in folder.iterdir():
                yield folder.name + file.name

    def _folders(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        return [folder for folder in self._directory.iterdir() if folder.name != _INCOMING]

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes piece by piece.

        Raises:
            BlobMissing: before the first piece.
        """
        try:
            file = self._file(sha256).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error
        with file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def _read(self, sha256: str) -> bytes:
        try:
            return self._file(sha256).read_bytes()
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error

    def _delete(self, sha256: str) -> bool:
        try:
            self._file(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def _file(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256[2:]

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
        return directory / f"{self._member}.{uuid4().hex}"

    def _sync(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        Path(file.name).chmod(0o400)

    def _move(self, temporary: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        # The name, too, must survive a crash of the machine.
        descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
